import Exogpu
import XCTest

final class BufferTests: DeviceTest {
    private let pattern = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    func testDevicesAreFoundAndDescribed() throws {
        XCTAssertEqual(try context.devices.count, 1)
        let info = try cpu.info
        XCTAssertEqual(info.id, "cpu")
        XCTAssertEqual(info.kind, .cpu)
        XCTAssertEqual(info.backend, "CPU")
        XCTAssertGreaterThan(info.computeUnits, 0)
        XCTAssert(try cpu.json.contains(#""id":"cpu""#))
        XCTAssertGreaterThan(try cpu.memory.totalBytes, 0)
        XCTAssertEqual(try cpu.memory.buffers, 0)
        XCTAssertNotNil(Context.version.wholeMatch(of: /\d+\.\d+\.\d+.*/))
        refused(.notFound, "toaster") { try context.device("toaster") }
        refused(.notFound, "no-such") { try Context(backend: "no-such", cpuOnly: true) }
        XCTAssertEqual("\(ExogpuError.Code.outOfMemory)", "out_of_memory")
    }

    func testSensorsAndSuitability() throws {
        var readings = try cpu.readSensors()
        XCTAssertGreaterThan(readings.memoryUsedBytes, 0)
        readings = Readings()
        refused(.invalidArgument, "memory_used_bytes") { try readings.suitability(memoryTotalBytes: 100) }
        readings.memoryUsedBytes = 50
        refused(.invalidArgument, "") { try readings.suitability(memoryTotalBytes: 0) }
        readings.utilization = 0.5
        XCTAssertEqual(try readings.suitability(memoryTotalBytes: 100), 0.6 * 0.5 + 0.4 * 0.5, accuracy: 1e-9)
    }

    func testBytesComeBackWithoutTasks() throws {
        let source = try cpu.allocate(UInt64(pattern.count)), target = try cpu.allocate(UInt64(pattern.count))
        XCTAssertEqual(try source.size, UInt64(pattern.count))
        try source.upload(Array(pattern[..<50_000]))
        try source.upload(Array(pattern[50_000...]), at: 50_000)
        try source.copy(to: target, size: UInt64(pattern.count))
        try cpu.synchronize()
        XCTAssertEqual(try target.download(pattern.count), pattern)
        XCTAssertEqual(try target.download(10, at: 7), Array(pattern[7..<17]))
        XCTAssertEqual(try target.download(0, at: 5), [])
        try target.upload([])
        try target.withHostMemory { XCTAssertEqual(Array($0!), pattern) }
        XCTAssertEqual(try cpu.memory.buffers, 2)
        try source.free()
        XCTAssertEqual(try cpu.memory.buffers, 1)
        refused(.invalidArgument, "freed") { try source.free() }
        refused(.invalidArgument, "freed") { try source.size }
    }

    func testBytesComeBackInTasks() async throws {
        let source = try await cpu.allocate(UInt64(pattern.count)), target = try await cpu.allocate(UInt64(pattern.count))
        try await source.upload(pattern)
        try await source.copy(to: target, size: UInt64(pattern.count))
        try await cpu.synchronize()
        let back = try await target.download(pattern.count)
        XCTAssertEqual(back, pattern)
        await refusedLater(.invalidArgument, "outside") { try await target.upload([1, 2], at: UInt64(pattern.count) - 1) }
        await refusedLater(.outOfMemory, "") { try await cpu.allocate(1 << 60) }

        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<200 { group.addTask { [pattern] in try await target.upload(pattern) } }
            try await group.waitForAll()
        }
        for _ in 0..<50 {
            let task = Task { [pattern] in try await target.upload(pattern) }
            task.cancel()
            do { try await task.value } catch is CancellationError {}
        }
    }

    func testRangesAreChecked() throws {
        let buffer = try cpu.allocate(16)
        refused(.invalidArgument, "outside a buffer of 16 bytes") { try buffer.upload([UInt8](repeating: 0, count: 17)) }
        refused(.invalidArgument, "outside") { try buffer.upload([0], at: .max) }
        refused(.invalidArgument, "outside") { try buffer.download(4, at: 13) }
        refused(.invalidArgument, "outside") { try buffer.download(-1) }
        refused(.invalidArgument, "outside") { try buffer.download(.max) }
        refused(.invalidArgument, "overlaps") { try buffer.copy(to: buffer, size: 8, at: 4) }
        refused(.invalidArgument, "") { try cpu.allocate(0) }
        refused(.outOfMemory, "") { try cpu.allocate(1 << 60) }
        let other = try Context(cpuOnly: true)
        let foreign = try other.device("cpu").allocate(16)
        refused(.invalidArgument, "context") { try buffer.copy(to: foreign, size: 8) }
    }

    func testAClosedContextRefuses() throws {
        let buffer = try cpu.allocate(16)
        try context.close()
        refused(.failedPrecondition, "closed") { try buffer.download(1) }
        refused(.failedPrecondition, "closed") { try context.devices }
        refused(.failedPrecondition, "closed") { try context.close() }
    }

    func testWhatNothingRefersToIsFreed() throws {
        for _ in 0..<1000 { _ = try cpu.allocate(1000) }
        XCTAssertEqual(try cpu.memory.buffers, 0)
    }

    func testContextsFromManyTasks() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    let bytes: [UInt8] = [1, 2, 3]
                    let buffer = try await Context(cpuOnly: true).device("cpu").allocate(3)
                    try await buffer.upload(bytes)
                    let back = try await buffer.download(3)
                    XCTAssertEqual(back, bytes)
                }
            }
            try await group.waitForAll()
        }
    }
}
