// The C library's sine, which MD5's constants are made of.

#if canImport(Glibc)
import Glibc
#endif

enum Trigonometry {
    static func sine(_ x: Double) -> Double { sin(x) }
}
