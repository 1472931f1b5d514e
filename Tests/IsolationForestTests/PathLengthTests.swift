import Testing

@testable import IsolationForest

@Suite struct PathLengthTests {
    @Test func theMeanPathOfFewKeysIsExact() {
        #expect(PathLength.average(0) == 0)
        #expect(PathLength.average(1) == 0)
        #expect(PathLength.average(2) == 1)
    }

    @Test(arguments: [
        (3, 1.207_392_357_589_623), (4, 1.851_655_907_139_285_5), (8, 3.296_251_627_913_692_4),
        (256, 10.244_770_920_119_917), (32_768, 19.948_846_745_670_085),
    ])
    func theMeanPathFollowsTheEquation(count: Int, expected: Double) {
        #expect(abs(PathLength.average(count) - expected) < 1e-12)
    }

    @Test(arguments: [
        (1.0, 0.0), (2.0, 0.693_147_180_559_945_3), (3.0, 1.098_612_288_668_109_8),
        (10.0, 2.302_585_092_994_046), (255.0, 5.541_263_545_158_426),
        (32_767.0, 10.397_177_190_355_384),
    ])
    func theLogarithmIsAccurate(x: Double, expected: Double) {
        #expect(abs(PathLength.naturalLogarithm(x) - expected) <= 2e-15 * max(1, expected))
    }

    @Test(arguments: [
        (0.0, 1.0), (1.0, 0.5), (0.5, 0.707_106_781_186_547_5), (2.5, 0.176_776_695_296_636_9),
        (0.1, 0.933_032_991_536_807_4), (64.0, 5.421_010_862_427_522e-20),
    ])
    func thePowerIsAccurate(x: Double, expected: Double) {
        #expect(abs(PathLength.powerOfHalf(x) / expected - 1) < 1e-9)
    }
}
