// Pages are dropped only where the file has them unchanged.

import Testing

@testable import Proxy

@Suite struct StartupMemoryTests {
    private static func mapping(_ head: String, anonymous: Int) -> String {
        "\(head)\nSize: 8 kB\nRss: 8 kB\nAnonymous: \(anonymous) kB\nVmFlags: rd mr\n"
    }

    @Test func onlyUnchangedFilePagesWithoutWritePermissionAreGivenBack() {
        let smaps =
            Self.mapping("1000-3000 r-xp 00000000 08:01 7      /usr/lib/a.so", anonymous: 0)
            + Self.mapping("3000-4000 r--p 00002000 08:01 7      /usr/lib/a.so", anonymous: 4)
            + Self.mapping("4000-5000 rw-p 00003000 08:01 7      /usr/lib/a.so", anonymous: 0)
            + Self.mapping("5000-6000 r--p 00003000 08:01 8      /usr/lib/b c.so", anonymous: 0)
            + Self.mapping("6000-7000 r--p 00000000 00:00 0", anonymous: 0)
            + Self.mapping("7000-8000 r-xp 00000000 00:00 0      [vdso]", anonymous: 0)
            + Self.mapping("8000-9000 r--s 00000000 08:01 9      /shared", anonymous: 0)
        #expect(StartupMemory.unchangedMappings(smaps) == [0x1000..<0x3000, 0x5000..<0x6000])
    }

    @Test func nonsenseGivesNothing() {
        #expect(StartupMemory.unchangedMappings("") == [])
        #expect(StartupMemory.unchangedMappings("9-1 r-xp 0 0:0 1 /x\nAnonymous: 0 kB\nAnonymous: 0 kB") == [])
        #expect(StartupMemory.unchangedMappings("zz-1 r-xp 0 0:0 1 /x\nAnonymous: 0 kB") == [])
    }
}
