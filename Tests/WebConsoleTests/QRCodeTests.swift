// QR codes against matrices made by an independent encoder (python-qrcode, level M, byte mode), every version with every mask.

import Primitives
import Testing

@testable import WebConsole

@Suite struct QRCodeTests {
    private func rows(_ code: QRCode) -> [String] {
        (0..<code.size).map { row in (0..<code.size).map { code.isDark(row: row, column: $0) ? "#" : "." }.joined() }
    }

    /// The first `count` bytes of an address that repeats.
    private func text(_ count: Int) -> [UInt8] {
        Array(String(repeating: "http://gateway.example.com:3000/web/my-agent/", count: 10).utf8.prefix(count))
    }

    @Test func aSmallCodeIsAsTheStandardHasIt() throws {
        let code = try #require(QRCode(bytes: Array("HELLO, world".utf8), mask: 0))
        #expect(code.version == 1)
        #expect(
            rows(code) == [
                "#######..#..#.#######",
                "#.....#.#.###.#.....#",
                "#.###.#...##..#.###.#",
                "#.###.#...##..#.###.#",
                "#.###.#.#####.#.###.#",
                "#.....#..###..#.....#",
                "#######.#.#.#.#######",
                ".........#...........",
                "#.#.#.#..#..#...#..#.",
                "..##.#.##..#....#..#.",
                "...##.######.#.######",
                "#..#....#..##..#...#.",
                ".###..#.####....#.#..",
                "........#..#..###.##.",
                "#######..##.##..#.###",
                "#.....#....#...#...#.",
                "#.###.#.##.###.#..##.",
                "#.###.#..#.###.##.##.",
                "#.###.#.##.##...#.#.#",
                "#.....#..###....#..#.",
                "#######.#.##...#..###",
            ])
    }

    @Test func anAddressIsAsTheStandardHasIt() throws {
        let code = try #require(QRCode(bytes: Array("http://gateway2.7up.top/web/pi/".utf8), mask: 3))
        #expect(code.version == 3)
        #expect(
            rows(code) == [
                "#######.#.###..##..##.#######",
                "#.....#.#.#...##.#....#.....#",
                "#.###.#....#.###....#.#.###.#",
                "#.###.#.#.#.#...####..#.###.#",
                "#.###.#..#...#.....#..#.###.#",
                "#.....#....##.#..###..#.....#",
                "#######.#.#.#.#.#.#.#.#######",
                "........##..###..##..........",
                "#.##.###....###.#####.#..#.##",
                "####.#.#.##....##..######...#",
                "..###.#.###.#.##..#.#...#.##.",
                "#..###.....#####..#.####.#..#",
                "###.###..#..#...##.#...#.##..",
                "..#..#.#.#.#.#...#.####....##",
                "##...##...#.#.#...##...#.####",
                "####...#...#.#.#.......##..#.",
                ".#.#..#...###.....#....##..#.",
                "..#.....#.##.#......##.#..##.",
                "#.#.#.#...###....##.##..###..",
                "..#.#..#.##.#..###....#...#..",
                ".#.####.##.###.###.########..",
                "........#.######.####...#####",
                "#######.####.#..#.###.#.##.#.",
                "#.....#.##.##..#..#.#...#..#.",
                "#.###.#..###..#..#..#####.#.#",
                "#.###.#.##.#..##.###....####.",
                "#.###.#.#....#.........#..#.#",
                "#.....#..####.##..###.####.#.",
                "#######.##.#..##..#.#.##...#.",
            ])
    }

    /// The first 4 bytes of the SHA-256 of each matrix, written as rows of `#` and `.` with newlines between them.
    @Test(
        arguments: [
            (
                13, 1,
                [
                    0x0df2_6f77, 0xe94b_1722, 0x3753_0162, 0xc734_a386, 0x5d42_9034, 0x26ee_2771, 0x9eea_e524, 0x5b8e_aaa9,
                ]
            ),
            (
                24, 2,
                [
                    0x6a42_0fdb, 0x1ae4_ab96, 0x9dbd_3e74, 0xac7d_9bad, 0xc98e_87a2, 0xdf74_d498, 0xd365_1010, 0xf242_b33e,
                ]
            ),
            (
                42, 3,
                [
                    0x8bb4_1a7d, 0xc05b_c728, 0x4711_3c5e, 0x95fe_a9d1, 0x1dd1_c0b3, 0xc427_4b52, 0x670b_192a, 0xf2a3_99dc,
                ]
            ),
            (
                61, 4,
                [
                    0x1690_4aae, 0xb057_65cf, 0x2ff1_62bc, 0x79cd_7c1f, 0xdc3c_6973, 0x33f9_a3cd, 0x14f6_00f0, 0x5ceb_9758,
                ]
            ),
            (
                82, 5,
                [
                    0xf223_741d, 0x1ebc_630b, 0x9e49_1165, 0xb238_9042, 0xb221_3477, 0x49f1_0ea3, 0x8bc3_a976, 0xeccd_e153,
                ]
            ),
            (
                106, 6,
                [
                    0xe540_8e93, 0xf102_f53e, 0x7504_6365, 0x77a2_cb8b, 0xd3a8_e172, 0x01b7_2315, 0x1cf8_dc33, 0x8417_9584,
                ]
            ),
            (
                121, 7,
                [
                    0xddae_986f, 0x7651_7eb7, 0x5fad_a08e, 0xc242_63ed, 0x249d_dcda, 0xbef5_2f55, 0xef5e_35da, 0x7cd9_319f,
                ]
            ),
            (
                150, 8,
                [
                    0xf490_15bd, 0x1007_f3a6, 0x1a58_8aae, 0xbd90_0fab, 0xa04d_882f, 0x5c21_0ae4, 0xff1b_addc, 0xc84f_e2e9,
                ]
            ),
            (
                180, 9,
                [
                    0xc806_663d, 0x8a52_9657, 0x5a98_d8ac, 0x5cd5_6d9c, 0x59a9_0f54, 0x59f3_2b04, 0xb8b7_27d5, 0x2b27_2c98,
                ]
            ),
            (
                212, 10,
                [
                    0x20c7_8ec9, 0x57fd_3cbc, 0x1790_14de, 0xa733_7fe1, 0x1b35_fd08, 0x57e5_fd8f, 0xe250_9a71, 0xf4d2_e4ae,
                ]
            ),
        ] as [(Int, Int, [UInt32])])
    func everyVersionAndMaskIsAsTheStandardHasIt(count: Int, version: Int, digests: [UInt32]) throws {
        for mask in 0..<8 {
            let code = try #require(QRCode(bytes: text(count), mask: mask))
            #expect(code.version == version)
            let digest = SHA256.digest(Array(rows(code).joined(separator: "\n").utf8)).prefix(4)
            #expect(digest.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } == digests[mask], "mask \(mask)")
        }
    }

    @Test(arguments: [(14, 1), (15, 2), (26, 2), (27, 3), (180, 9), (181, 10), (213, 10)])
    func theSmallestVersionThatHoldsItIsTaken(count: Int, version: Int) {
        #expect(QRCode(bytes: text(count), mask: 0)?.version == version)
    }

    @Test func tooLongTextsGetNoCode() {
        #expect(QRCode(bytes: text(214), mask: 0) == nil)
        #expect(QRCode(text: String(repeating: "中", count: 72)) == nil)
        #expect(QRCode(text: "")?.version == 1)
    }

    @Test func theMaskIsTheOneOfLeastPenalty() throws {
        for count in [0, 31, 213] {
            let penalties = try (0..<8).map { try #require(QRCode(bytes: text(count), mask: $0)).grid.penalty }
            let code = try #require(QRCode(text: String(decoding: text(count), as: UTF8.self)))
            #expect(penalties[code.mask] == penalties.min())
        }
    }

    @Test func theImageHasAQuietZoneAndAllDarkModules() throws {
        let code = try #require(QRCode(text: "http://gateway2.7up.top/web/pi/"))
        let svg = code.svg()
        #expect(svg.contains("viewBox=\"0 0 37 37\""))
        #expect(svg.contains("fill=\"currentColor\" d=\"M4 4h7v1h-7z"))
        #expect(!svg.contains("style"))
        let runs = svg.split(separator: "h").dropFirst().compactMap { Int($0.prefix { $0.isNumber }) }
        // The first run is the white ground's; the others are written there and back.
        #expect(runs.dropFirst().reduce(0, +) == rows(code).joined().count { $0 == "#" })
    }

    @Test func theTerminalShowsTwoRowsInALine() throws {
        let code = try #require(QRCode(text: "HELLO, world"))
        let lines = code.terminalText().split(separator: "\n")
        #expect(lines.count == 15)
        #expect(lines.allSatisfy { $0.count == 29 })
        #expect(lines[0] == Substring(String(repeating: "█", count: 29)))
        #expect(lines[2].hasPrefix("████ ▄▄▄▄▄ █"))
        #expect(lines.last == Substring(String(repeating: "▀", count: 29)))
    }
}
