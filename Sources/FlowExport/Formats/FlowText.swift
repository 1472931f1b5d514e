package import NetworkAddresses
package import Timestamps

/// A growing buffer of bytes with the conversions that flow formats need. No conversion allocates
/// once the buffer is large enough.
@safe
package struct FlowText: ~Copyable {
    private var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    package private(set) var count = 0

    package init(reserving capacity: Int = 1 << 17) {
        self.capacity = max(capacity, 256)
        unsafe base = .allocate(capacity: self.capacity)
    }

    // SAFETY: only this value uses the buffer.
    deinit { unsafe base.deallocate() }

    package mutating func removeAll() { count = 0 }

    /// Passes the bytes to `body`.
    package func withBytes<Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        unsafe try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// A copy of the bytes as text.
    package var text: String {
        unsafe String(
            decoding: UnsafeBufferPointer(start: base, count: count), as: UTF8.self)
    }

    /// Ensures that `more` bytes fit.
    @inline(__always)
    private mutating func reserve(_ more: Int) {
        if count &+ more > capacity { grow(more) }
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        let larger = max(capacity * 2, count + more)
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        // SAFETY: the new buffer is larger than the content of the old one.
        unsafe memory.update(from: base, count: count)
        unsafe base.deallocate()
        unsafe base = memory
        capacity = larger
    }

    @inline(__always)
    package mutating func add(byte: UInt8) {
        reserve(1)
        // SAFETY: the space was just reserved, as it is before every write below.
        unsafe base[count] = byte
        count &+= 1
    }

    @inline(__always)
    package mutating func add(_ text: StaticString) {
        reserve(text.utf8CodeUnitCount)
        // SAFETY: the string is a constant of `utf8CodeUnitCount` bytes.
        unsafe (base + count).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        count &+= text.utf8CodeUnitCount
    }

    package mutating func add(text: some StringProtocol) {
        for byte in text.utf8 { add(byte: byte) }
    }

    /// Appends to the line that was completed last, in place of its last `replacing` bytes.
    package mutating func addToLine(_ text: String, replacing: Int = 0) {
        truncate(to: count - 1 - replacing)
        add(text: text)
        add(byte: 10)
    }

    /// Appends the low `bytes` bytes of `value` in network byte order.
    package mutating func addBinary(_ value: UInt64, bytes: Int) {
        for place in (0..<bytes).reversed() {
            add(byte: UInt8(truncatingIfNeeded: value >> UInt64(place * 8)))
        }
    }

    /// Overwrites two existing bytes.
    package mutating func setUInt16(_ value: UInt16, at offset: Int) {
        precondition(offset >= 0 && offset + 2 <= count)
        unsafe base[offset] = UInt8(value >> 8)
        unsafe base[offset + 1] = UInt8(value & 255)
    }

    /// Appends blanks until the buffer has `end` bytes.
    package mutating func pad(to end: Int) { while count < end { add(byte: 32) } }

    /// Copies existing bytes to an earlier position.
    mutating func copyWithin(from source: Int, length: Int, to target: Int) {
        precondition(target >= 0 && target <= source && length >= 0 && source + length <= count)
        for offset in 0..<length { unsafe base[target + offset] = unsafe base[source + offset] }
    }

    /// Replaces a byte.
    mutating func replace(at position: Int, with byte: UInt8) {
        precondition(position >= 0 && position < count)
        unsafe base[position] = byte
    }

    /// Removes the bytes after `end`.
    package mutating func truncate(to end: Int) { count = min(count, max(0, end)) }

    @inline(__always)
    package mutating func add(_ value: UInt64) {
        if value < 10 { add(byte: 48 + UInt8(truncatingIfNeeded: value)) } else { addLong(value) }
    }

    private static let powers: InlineArray<20, UInt64> = [
        1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000,
        10_000_000_000, 100_000_000_000, 1_000_000_000_000, 10_000_000_000_000,
        100_000_000_000_000, 1_000_000_000_000_000, 10_000_000_000_000_000,
        100_000_000_000_000_000, 1_000_000_000_000_000_000, 10_000_000_000_000_000_000,
    ]

    @inline(never)
    private mutating func addLong(_ value: UInt64) {
        // 1233/4096 is just below log10(2), so the estimate may be one too small; the table
        // corrects it.
        var digits = ((64 &- value.leadingZeroBitCount) &* 1233) >> 12
        if value >= Self.powers[digits] { digits &+= 1 }
        reserve(digits)
        var rest = value
        var place = count &+ digits
        count = place
        // SAFETY: a pair is below 100, the constant has 200 bytes; the space for the digits was
        // just reserved.
        while rest >= 100 {
            let quotient = rest / 100
            place &-= 2
            unsafe addPair(rest &- quotient &* 100, at: place)
            rest = quotient
        }
        if rest >= 10 {
            unsafe addPair(rest, at: place &- 2)
        } else {
            unsafe base[place &- 1] = 48 &+ UInt8(truncatingIfNeeded: rest)
        }
    }

    /// Writes the two digits of a value below 100.
    @unsafe @inline(__always)
    private mutating func addPair(_ value: UInt64, at place: Int) {
        let digits = unsafe UnsafeRawPointer(Self.pairs.utf8Start + Int(value) &* 2)
        unsafe UnsafeMutableRawPointer(base + place).storeBytes(
            of: digits.loadUnaligned(as: UInt16.self), as: UInt16.self)
    }

    private static let pairs: StaticString = """
        00010203040506070809101112131415161718192021222324252627282930313233343536373839\
        40414243444546474849505152535455565758596061626364656667686970717273747576777879\
        8081828384858687888990919293949596979899
        """

    package mutating func add(_ value: Int64) {
        if value < 0 { add(byte: 45) }
        add(value.magnitude)
    }

    /// Appends `value` with exactly `digits` digits.
    package mutating func add(_ value: UInt64, digits: Int) {
        var divisor: UInt64 = 1
        for _ in 1..<max(digits, 1) { divisor *= 10 }
        var rest = value
        for _ in 0..<digits {
            add(byte: 48 + UInt8(truncatingIfNeeded: rest / divisor % 10))
            rest %= divisor
            divisor = max(divisor / 10, 1)
        }
    }

    /// Appends seconds since 1970 with six digits after the point.
    package mutating func add(seconds time: Timestamp) {
        add(seconds: time - .epoch, digits: 6)
    }

    /// Appends seconds with nine, or six, digits after the point.
    package mutating func add(seconds interval: Interval, digits: Int = 9) {
        if interval < .zero { add(byte: 45) }
        let second = UInt64(Interval.seconds(1).nanoseconds)
        let magnitude = interval.nanoseconds.magnitude
        add(magnitude / second)
        add(byte: 46)
        let fraction = magnitude % second
        add(digits == 6 ? fraction / 1000 : fraction, digits: digits)
    }

    /// Appends a number with three digits after the point, independent of the locale.
    package mutating func add(_ value: Double) {
        let bounded = value.isFinite ? min(max(value, -9e15), 9e15) : 0
        if bounded < 0 { add(byte: 45) }
        let thousandths = UInt64((bounded.magnitude * 1000).rounded())
        add(thousandths / 1000)
        add(byte: 46)
        add(thousandths % 1000, digits: 3)
    }

    package mutating func add(_ address: IPAddress, version: UInt8) {
        if version == 4 || version == 0 && address.isIPv4 {
            for shift in [UInt32(24), 16, 8, 0] {
                add(UInt64(address.v4 >> shift & 255))
                if shift > 0 { add(byte: 46) }
            }
            return
        }
        addIPv6(address)
    }

    /// Appends an address by RFC 5952: lower case, no leading zeros, the longest run of zeros as
    /// `::`.
    private mutating func addIPv6(_ address: IPAddress) {
        func group(_ index: Int) -> UInt16 {
            UInt16(
                truncatingIfNeeded: (index < 4 ? address.high : address.low)
                    >> (48 - UInt64(index % 4) * 16))
        }
        var best = 0..<0
        var start = 0
        for index in 0..<8 {
            if group(index) != 0 {
                start = index + 1
            } else if index + 1 - start > best.count {
                best = start..<(index + 1)
            }
        }
        if best.count < 2 { best = 8..<8 }
        var index = 0
        while index < 8 {
            if index == best.lowerBound {
                add("::")
                index = best.upperBound
                continue
            }
            if index > 0, index != best.upperBound { add(byte: 58) }
            addHex(UInt64(group(index)))
            index += 1
        }
    }

    /// Appends lower-case hexadecimal digits without leading zeros.
    package mutating func addHex(_ value: UInt64) {
        var shift = (63 - min(value.leadingZeroBitCount, 63)) / 4 * 4
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift) & 15)
            add(byte: digit < 10 ? 48 + digit : 87 + digit)
            shift -= 4
        }
    }

    /// Appends a time in ISO 8601 in UTC with microseconds and `+0000`, as Suricata writes it.
    package mutating func add(timestamp time: Timestamp) {
        let seconds = Int64(time.second)
        let days = seconds.floorDivided(by: 86_400)
        let second = UInt64(truncatingIfNeeded: seconds - days * 86_400)
        // Days to civil date (Hinnant, "chrono-compatible low-level date algorithms").
        let shifted = days + 719_468
        let era = shifted.floorDivided(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let civilMonth = month < 10 ? month + 3 : month - 9
        let year = yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0)
        add(UInt64(max(0, year)), digits: 4)
        add(byte: 45)
        add(UInt64(civilMonth), digits: 2)
        add(byte: 45)
        add(UInt64(day), digits: 2)
        add(byte: 84)
        add(second / 3600, digits: 2)
        add(byte: 58)
        add(second / 60 % 60, digits: 2)
        add(byte: 58)
        add(second % 60, digits: 2)
        add(byte: 46)
        add(UInt64(time.nanosecondOfSecond / 1000), digits: 6)
        add("+0000")
    }
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
