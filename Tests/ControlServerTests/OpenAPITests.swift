import Foundation
import ImageReports
import ModelFiles
import Risk
import StatusReport
import Testing
import Timestamps

@testable import ControlServer
@testable import HTTPServer
@testable import Monitor

/// The OpenAPI document declares all served operations, and answers conform to it.
struct OpenAPITests {
    private typealias Object = [String: Any]

    private let client = TestClient()

    private func document() async throws -> Object {
        try #require(try await client.ask(.get, "/api/v1/openapi.json").json() as? Object)
    }

    private func operation(_ method: String, _ path: String) async throws -> Object {
        let paths = try #require(try await document()["paths"] as? [String: Object])
        return try #require(paths[path]?[method] as? Object)
    }

    @Test func everyOperationIsDeclaredOnceAndServed() async throws {
        client.publish()
        let document = try await document()
        #expect(document["openapi"] as? String == "3.1.0")
        let paths = try #require(document["paths"] as? [String: Object])
        #expect(paths.values.map(\.count).reduce(0, +) == ControlRoutes.operations.count)
        for operation in ControlRoutes.operations {
            let path = operation.path.replacingOccurrences(of: "{id}", with: "x")
            let answer = try await client.ask(operation.method, path)
            #expect(![404, 405, 500].contains(answer.status), "\(path): \(answer.text)")
            let names = operation.path.matches(of: /\{(\w+)\}/).map { String($0.1) }
            let inputs = operation.inputs.filter { $0.place == .path }.map(\.name)
            #expect(names == inputs, "\(path)")
        }
    }

    @Test func parametersHaveTypesBoundsAndDefaults() async throws {
        let events = try await operation("get", "/api/v1/events")
        let parameters = try #require(events["parameters"] as? [Object])
        #expect(parameters.map { $0["name"] as? String } == ["limit", "before"])
        #expect(parameters.allSatisfy { $0["in"] as? String == "query" })
        #expect(parameters.allSatisfy { $0["required"] as? Bool == false })
        let limit = try #require(parameters.first?["schema"] as? Object)
        #expect(limit["type"] as? String == "integer" && limit["default"] as? Int == 100)
        #expect(limit["minimum"] as? Int == 1 && limit["maximum"] as? Int == 1000)
        let one = try await operation("get", "/api/v1/events/{id}")
        let id = try #require((one["parameters"] as? [Object])?.first)
        #expect(id["in"] as? String == "path" && id["required"] as? Bool == true)
        let release = try await operation("delete", "/api/v1/quarantine")
        let required = try #require(release["parameters"] as? [Object]).map {
            $0["required"] as? Bool
        }
        #expect(required == [true, false])
    }

    @Test func theBodyOfAQuarantineIsDeclared() async throws {
        let operation = try await operation("post", "/api/v1/quarantine")
        let body = try #require(operation["requestBody"] as? Object)
        #expect(body["required"] as? Bool == true)
        let content = try #require(body["content"] as? [String: Object])
        let schema = try #require(content["application/json"]?["schema"] as? Object)
        #expect(schema["required"] as? [String] == ["target"])
        #expect(schema["additionalProperties"] as? Bool == false)
        let members = try #require(schema["properties"] as? [String: Object])
        #expect(members["force"]?["type"] as? String == "boolean")
        #expect(members["force"]?["default"] as? Bool == false)
        #expect(
            members["response"]?["enum"] as? [String]
                == ["drop", "egress", "limit", "observe", "protect"])
        #expect(members["duration"]?["default"] as? String == "10m")
        #expect(members["reason"]?["maxLength"] as? Int == 500)
        let flush = try await self.operation("post", "/api/v1/quarantine/flush")
        #expect((flush["requestBody"] as? Object)?["required"] as? Bool == false)
    }

    @Test func permissionsAreDeclared() async throws {
        for operation in ControlRoutes.operations {
            let json = try await self.operation(
                operation.method.name.lowercased(), operation.path)
            let isPublic = (json["security"] as? [Any])?.isEmpty == true
            #expect(isPublic == (operation.access == .anyone), "\(operation.path)")
            let responses = try #require(json["responses"] as? Object)
            #expect((responses["403"] != nil) == (operation.access == .act), "\(operation.path)")
            #expect(responses["default"] != nil)
        }
    }

    @Test func answersAreAsDeclared() async throws {
        client.publish {
            $0.stateDirectory = "/var/lib/lazaret"
            let quality = LearningQuality.Workload(
                name: "web", windows: 1, minutes: 2, contacts: 3, arriving: 1, gaps: ["none"])
            $0.model = .init(
                id: "a", firstSecond: 1, lastSecond: 2, workloads: 3, quality: [quality])
            $0.learning = .init()
            $0.learning?.arriving = ["web": 1]
            $0.sinks = [
                .init(
                    name: "file", written: 1, lost: 0, waiting: 0, lagSeconds: 0.5,
                    trouble: "full")
            ]
            $0.malformed = ["truncated_tcp": 1]
            $0.scores = [1, 2]
        }
        client.hub.publish(contacts: [.init(from: "a", to: "b", service: "tcp/80")])
        client.hub.configuration = "enforce: true\n"
        var image = ImageSummary(image: "web:1", imageID: "c0c0c0c0c0c0")
        image.scanned = .epoch
        client.hub.publish(images: ["web": image])
        client.hub.publish(Self.risk)
        client.hub.scores.record("web", score: 0.99, second: Int(Date().timeIntervalSince1970))
        var checked = 0
        for operation in ControlRoutes.operations where operation.method == .get {
            let answer = try await client.ask(.get, operation.path)
            guard answer.status == 200 else { continue }
            guard case .bytes = answer.response.body else { continue }
            let declared = try #require(operation.answers.first { $0.status.code == 200 })
            #expect(answer.response.headers["Content-Type"] == declared.type, "\(operation.path)")
            guard declared.type == "application/json" else { continue }
            let schema = try JSONSerialization.jsonObject(with: Data(declared.schema.json.utf8))
            let faults = try faults(of: answer.json(), schema as? Object ?? [:], "")
            #expect(faults.isEmpty, "\(operation.path): \(faults)")
            checked += 1
        }
        #expect(checked == 8)
    }

    /// A workload with scores of some days, so that there is a forecast.
    private static var risk: RiskReport {
        let days = (80..<100).map { RiskDay(day: $0, score: 50) }
        return RiskReport(
            time: .epoch,
            entries: [
                RiskReport.Entry(
                    score: RiskScore(RiskFactors(workload: "web")),
                    trend: RiskTrend(days, today: 100))
            ], remarks: ["no engine"], labelsWorkloads: false)
    }

    /// The deviations of a value from a schema: types, members, items, minima.
    private func faults(of value: Any?, _ schema: Object, _ place: String) -> [String] {
        switch (schema["type"] as? String, value) {
        case ("object", let object as Object):
            let members = schema["properties"] as? [String: Object] ?? [:]
            let missing = (schema["required"] as? [String] ?? []).filter { object[$0] == nil }
            return missing.map { "\(place).\($0) is missing" }
                + object.flatMap { name, value in
                    if let member = members[name] {
                        return faults(of: value, member, "\(place).\(name)")
                    }
                    if let others = schema["additionalProperties"] as? Object {
                        return faults(of: value, others, "\(place).\(name)")
                    }
                    let isOpen = schema["additionalProperties"] as? Bool ?? true
                    return isOpen ? [] : ["\(place).\(name) is not declared"]
                }
        case ("array", let items as [Any]):
            let schema = schema["items"] as? Object ?? [:]
            return items.flatMap { faults(of: $0, schema, place + "[]") }
        case ("string", let text as String):
            let values = schema["enum"] as? [String] ?? [text]
            return values.contains(text) ? [] : ["\(place): \(text)"]
        case ("boolean", is Bool), (nil, _): return []
        case ("integer", let number as Int):
            return number >= schema["minimum"] as? Int ?? .min ? [] : ["\(place): \(number)"]
        case ("number", is Double): return []
        default: return ["\(place) is no \(schema["type"] ?? "")"]
        }
    }
}
