import Glibc
import IsolationForest

/// The program that the Python scripts of this package call; see `README.md`.
@main
enum Bench {
    static func main() throws {
        let words = CommandLine.arguments.dropFirst()
        switch words.first {
        case "score" where words.count == 7: try score(Array(words.dropFirst()))
        case "speed" where words.count == 4: try speed(Array(words.dropFirst()))
        case "fit" where words.count == 4: try fit(Array(words.dropFirst()))
        case "size" where [4, 5].contains(words.count): try size(Array(words.dropFirst()))
        case "attribute" where words.count == 5: try attribute(Array(words.dropFirst()))
        case "active" where words.count == 10: try active(Array(words.dropFirst()))
        default:
            print(
                """
                forest-bench score TRAIN TEST COLUMNS SEED SCORING OUT    score the rows of TEST
                forest-bench speed ROWS COLUMNS THREADS                   CPU and wall time, as JSON
                forest-bench size ROWS COLUMNS bell|flows [REFERENCES]    memory and file size, as JSON
                forest-bench attribute TRAIN TEST COLUMNS OUT             shares of the rows of TEST
                forest-bench active TRAIN TEST LABELS COLUMNS SEED ANSWERS SHOWN WEIGHT STEP
                                                                          anomalies among those shown
                TRAIN, TEST, LABELS and OUT are files of native 32-bit floats; SCORING is insertion,
                classic or neighbours.
                """)
            exit(2)
        }
    }

    /// The references of a neighbour-aware forest.
    static let references = 1024

    static func score(_ words: [String]) throws {
        let columns = Int(words[2])!
        let test = try readFloats(words[1])
        var options = IsolationForest.Options(seed: UInt64(words[3])!)
        var scoring = IsolationForest.Scoring.insertionAware
        switch words[4] {
        case "classic": scoring = .classic
        case "neighbours":
            scoring = .neighbourAware
            options.referenceCount = references
        default: break
        }
        let forest = try IsolationForest(
            rows: readFloats(words[0]), columnCount: columns, options: options)
        let scores = forest.scores(rows: test, scoring: scoring)
        try write(scores, to: words[5])
    }

    static func attribute(_ words: [String]) throws {
        let columns = Int(words[2])!
        let test = try readFloats(words[1])
        let forest = try IsolationForest(
            rows: readFloats(words[0]), columnCount: columns, options: .init(seed: 1))
        var shares = [Float](repeating: 0, count: columns)
        var all: [Float] = []
        for row in stride(from: 0, to: test.count, by: columns) {
            _ = forest.attribute(test.span.extracting(row..<(row + columns)), into: &shares)
            all += shares
        }
        try write(all, to: words[3])
    }

    static func speed(_ words: [String]) throws {
        let count = Int(words[0])!
        let columns = Int(words[1])!
        let threads = Int(words[2])!
        let rows = bell(rows: count, columns: columns)
        var options = IsolationForest.Options(seed: 1)
        options.threadCount = threads
        let forest = try IsolationForest(rows: rows, columnCount: columns, options: options)
        var out: [String] = []
        func report(_ name: String, _ repeats: Int, _ inner: Int, _ body: () throws -> Void)
            rethrows
        {
            var cpu: [Double] = []
            var wall: [Double] = []
            for _ in 0..<repeats {
                let (c, w) = (now(CLOCK_PROCESS_CPUTIME_ID), now(CLOCK_MONOTONIC))
                for _ in 0..<inner { try body() }
                cpu.append((now(CLOCK_PROCESS_CPUTIME_ID) - c) / Double(inner))
                wall.append((now(CLOCK_MONOTONIC) - w) / Double(inner))
            }
            out.append("\"\(name)\": [\(cpu.min()!), \(wall.min()!)]")
        }
        var withReferences = options
        withReferences.referenceCount = references
        for (name, options) in [("fit", options), ("neighbours fit", withReferences)] {
            try report(name, 5, 10) {
                _ = try IsolationForest(rows: rows, columnCount: columns, options: options)
            }
        }
        let near = try IsolationForest(rows: rows, columnCount: columns, options: withReferences)
        let one = Array(rows.prefix(columns))
        let some = Array(rows.prefix(256 * columns))
        var target = [Float](repeating: 0, count: count)
        var few = [Float](repeating: 0, count: 256)
        var sum: Float = 0
        for (name, scoring, forest) in [
            ("classic", IsolationForest.Scoring.classic, forest),
            ("insertion", .insertionAware, forest), ("neighbours", .neighbourAware, near),
        ] {
            report("\(name) batch", 3, 1) {
                var span = target.mutableSpan
                forest.scores(rows: rows.span, into: &span, scoring: scoring, threadCount: threads)
            }
            report("\(name) 256 rows", 20, 20) {
                var span = few.mutableSpan
                forest.scores(rows: some.span, into: &span, scoring: scoring)
            }
            report("\(name) one row", 20, 2000) {
                switch scoring {
                case .classic: sum += forest.classicScore(one.span)
                case .insertionAware: sum += forest.score(one.span)
                case .neighbourAware: sum += forest.neighbourScore(one.span)
                }
            }
        }
        var shares = [Float](repeating: 0, count: columns)
        report("attribute one row", 20, 200) { sum += forest.attribute(one.span, into: &shares) }
        print("{\(out.joined(separator: ", ")), \"check\": \(sum)}")
    }

    static func fit(_ words: [String]) throws {
        let columns = Int(words[1])!
        let rows = bell(rows: Int(words[0])!, columns: columns)
        let start = now(CLOCK_PROCESS_CPUTIME_ID)
        for seed in 0..<UInt64(words[2])! {
            _ = try IsolationForest(rows: rows, columnCount: columns, options: .init(seed: seed))
        }
        print((now(CLOCK_PROCESS_CPUTIME_ID) - start) / Double(words[2])!)
    }

    static func size(_ words: [String]) throws {
        let count = Int(words[0])!
        let columns = Int(words[1])!
        var rows = bell(rows: count, columns: columns)
        if words[2] == "flows" {
            // As in clean traffic: half of the columns are constant, a quarter are integers.
            for index in rows.indices {
                switch index % columns % 4 {
                case 0, 1: rows[index] = 0
                case 2: rows[index] = rows[index].rounded()
                default: break
                }
            }
        }
        var options = IsolationForest.Options(seed: 1)
        options.referenceCount = words.count > 3 ? Int(words[3])! : 0
        let forest = try IsolationForest(rows: rows, columnCount: columns, options: options)
        let bytes = forest.encoded()
        let start = now(CLOCK_MONOTONIC)
        let same = try IsolationForest(decoding: bytes) == forest
        let decode = now(CLOCK_MONOTONIC) - start
        print(
            "{\"memory\": \(forest.memoryByteCount), \"file\": \(bytes.count), \"same\": \(same), "
                + "\"decode and compare s\": \(decode)}")
    }
}
