import Glibc

struct FileError: Error { let path: String }

func readFloats(_ path: String) throws -> [Float] {
    guard let file = fopen(path, "rb") else { throw FileError(path: path) }
    defer { fclose(file) }
    fseek(file, 0, SEEK_END)
    let count = ftell(file) / 4
    rewind(file)
    return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
        initialized = fread(buffer.baseAddress!, 4, count, file)
    }
}

func write(_ values: [Float], to path: String) throws {
    guard let file = fopen(path, "wb") else { throw FileError(path: path) }
    defer { fclose(file) }
    guard fwrite(values, 4, values.count, file) == values.count else {
        throw FileError(path: path)
    }
}

/// Seconds by a clock of the system.
func now(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// `[rows × columns]` of a normal distribution around 0 with deviation 1.
func bell(rows: Int, columns: Int) -> [Float] {
    var state: UInt64 = 88_172_645_463_325_252
    return (0..<(rows * columns)).map { _ in
        var sum: Float = -6
        for _ in 0..<12 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            sum += Float(state >> 40) * 0x1p-24
        }
        return sum
    }
}
