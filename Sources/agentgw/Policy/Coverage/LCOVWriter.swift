// Coverage as lcov tracefiles have it (geninfo(1)): rules are functions and lines, outcomes are branches.

import CEL

enum LCOVWriter {
    static func render(_ coverage: PolicyCoverage) -> String {
        coverage.files.map(record).joined()
    }

    private static func record(_ file: PolicyCoverage.File) -> String {
        var out = "TN:\nSF:\(file.file)\n"
        var lines: [Int: Int] = [:]
        var branches = ""
        var (found, hit) = (0, 0)
        var functions = ""
        var counts = ""
        for rule in file.rules {
            let line = rule.rule.position.line
            // A tracefile separates with commas.
            let name = "\(line):\(rule.rule.id)".replacing(",", with: ";")
            functions += "FN:\(line),\(name)\n"
            counts += "FNDA:\(rule.asked),\(name)\n"
            lines[line] = max(lines[line] ?? 0, rule.asked)
            for (index, part) in rule.parts.enumerated() {
                let line = rule.rule.site.start(of: part.range).line
                lines[line] = max(lines[line] ?? 0, rule.asked)
                for (branch, wasSeen) in [part.wasTrue, part.wasFalse].enumerated() {
                    found += 1
                    if wasSeen { hit += 1 }
                    branches += "BRDA:\(line),\(index),\(branch),\(rule.asked == 0 ? "-" : wasSeen ? "1" : "0")\n"
                }
            }
        }
        out += functions + counts
        out += "FNF:\(file.rules.count)\nFNH:\(file.rules.count { $0.asked > 0 })\n"
        out += branches + "BRF:\(found)\nBRH:\(hit)\n"
        for (line, count) in lines.sorted(by: { $0.key < $1.key }) { out += "DA:\(line),\(count)\n" }
        out += "LF:\(lines.count)\nLH:\(lines.count { $0.value > 0 })\nend_of_record\n"
        return out
    }
}
