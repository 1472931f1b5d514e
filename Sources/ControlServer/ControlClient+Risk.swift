internal import FoundationEssentials

/// The risk of workloads, for the command line.
extension ControlClient {
    /// The risk of every workload, as the monitor answers.
    public struct Risk: Decodable, Sendable {
        public struct Part: Decodable, Sendable {
            public var kind: String
            public var points: Double
            public var most: Double
            public var unknown: Bool
            public var text: String
            public var action: String?
        }

        public struct Forecast: Decodable, Sendable {
            public var days: Int
            public var expected: Double
            public var lower: Double
            public var upper: Double
        }

        public struct Workload: Decodable, Sendable {
            public var rank: Int
            public var workload: String
            public var score: Double
            public var band: String
            public var reason: String?
            public var action: String?
            public var trend: String
            public var trendText: String
            public var forecast: Forecast?
            public var parts: [Part]
        }

        public var time: String
        public var total: Int
        public var remarks: [String]
        public var workloads: [Workload]

        /// Decodes the answer of a monitor, or `RiskReport.json`.
        public init(json: String) throws {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            self = try decoder.decode(Self.self, from: Data(json.utf8))
        }
    }

    /// The risk of workloads, as the monitor's JSON and decoded.
    ///
    /// - Parameter workload: nil: all.
    public func risk(
        of workload: String?, limit: Int
    ) async throws -> (json: String, report: Risk) {
        let only = workload.map { "&workload=\(Self.escaped($0))" } ?? ""
        let bytes = try await get("/api/v1/risk?limit=\(limit)\(only)")
        let json = String(decoding: bytes, as: UTF8.self)
        return (json, try Risk(json: json))
    }
}
