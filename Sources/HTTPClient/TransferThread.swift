internal import CCurl
internal import Glibc
internal import Synchronization
internal import Timestamps

/// The thread that runs all transfers, with libcurl's multi interface.
///
/// One thread is enough: transfers are few, and most of them wait for a server's next event. It can
/// be woken to end a transfer at once (`curl_multi_wakeup`); one thread per transfer
/// (`curl_easy_perform`) could not. It blocks, so it does not belong to the cooperative pool. A
/// connection stays open for the next transfer to the same server.
///
/// The thread starts with the first transfer and never ends.
///
/// `@unchecked Sendable`: only the thread itself uses `multi`, except for `curl_multi_wakeup`,
/// which any thread may call (curl_multi_wakeup(3)). `multi` is never released.
@safe final class TransferThread: @unchecked Sendable {
    enum Order: Sendable {
        case start(Transfer)
        /// The reader has freed space.
        case resume(Transfer)
        case stop(Transfer)
    }

    /// Nil when libcurl cannot be initialised or the thread cannot be started.
    static let shared = TransferThread()

    private let multi: UnsafeMutableRawPointer
    private let orders = Mutex<[Order]>([])

    private init?() {
        guard LibCurl.isReady, let made = unsafe curl_multi_init() else {
            return nil
        }
        unsafe multi = made
        var thread = pthread_t()
        // SAFETY: the thread never ends and never releases its reference.
        let failed = unsafe pthread_create(
            &thread, nil,
            { argument in
                unsafe Unmanaged<TransferThread>.fromOpaque(argument!).takeUnretainedValue().run()
            }, Unmanaged.passRetained(self).toOpaque())
        guard failed == 0 else { return nil }
        pthread_detach(thread)
    }

    func post(_ order: Order) {
        orders.withLock { $0.append(order) }
        // SAFETY: any thread may call it.
        unsafe curl_multi_wakeup(multi)
    }

    // MARK: - The thread

    private func run() -> Never {
        // Other threads handle signals. Without SIGPIPE, a write to a closed connection fails.
        var all = sigset_t()
        // SAFETY: the set is a local variable.
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, nil)
        var running: [ObjectIdentifier: RunningTransfer] = [:]
        while true {
            let posted = orders.withLock { orders in
                defer { orders = [] }
                return orders
            }
            for order in posted { follow(order, &running) }
            var count: Int32 = 0
            // SAFETY: only this thread uses the handle, here and below.
            var code = unsafe curl_multi_perform(multi, &count)
            finishEnded(&running)
            let milliseconds = finishSilent(&running)
            if code == CURLM_OK {
                code = unsafe curl_multi_poll(multi, nil, 0, milliseconds, nil)
            }
            guard code != CURLM_OK else { continue }
            // Out of memory or descriptors. All transfers fail; their callers may try again.
            for transfer in running.values {
                remove(
                    transfer, .failed(.broken(unsafe String(cString: curl_multi_strerror(code)))))
            }
            running = [:]
            usleep(100_000)
        }
    }

    private func follow(_ order: Order, _ running: inout [ObjectIdentifier: RunningTransfer]) {
        switch order {
        case .start(let transfer):
            do throws(HTTPError) {
                let made = try RunningTransfer(transfer)
                let code = unsafe curl_multi_add_handle(multi, made.easy.handle)
                guard code == CURLM_OK else {
                    throw .broken(unsafe String(cString: curl_multi_strerror(code)))
                }
                running[ObjectIdentifier(transfer)] = made
            } catch {
                transfer.finish(.failed(error))
            }
        case .resume(let transfer): running[ObjectIdentifier(transfer)]?.resume()
        case .stop(let transfer):
            guard let found = running.removeValue(forKey: ObjectIdentifier(transfer)) else {
                return
            }
            remove(found, .failed(.cancelled))
        }
    }

    private func remove(_ transfer: RunningTransfer, _ end: Transfer.End) {
        unsafe curl_multi_remove_handle(multi, transfer.easy.handle)
        transfer.transfer.finish(end)
    }

    /// Removes the transfers that have ended.
    private func finishEnded(_ running: inout [ObjectIdentifier: RunningTransfer]) {
        var rest: Int32 = 0
        while let message = unsafe curl_multi_info_read(multi, &rest) {
            let (easy, code) = unsafe (message.pointee.easy_handle, message.pointee.data.result)
            guard unsafe message.pointee.msg == CURLMSG_DONE,
                let (key, found) = running.first(where: { unsafe $0.value.easy.handle == easy })
            else { continue }
            running[key] = nil
            remove(found, found.end(code))
        }
    }

    /// Ends the transfers whose server was silent for too long.
    ///
    /// - Returns: the milliseconds until the next one may be due, at most a minute.
    private func finishSilent(_ running: inout [ObjectIdentifier: RunningTransfer]) -> Int32 {
        var milliseconds: Int64 = 60_000
        let now = ContinuousClock.now
        for (key, transfer) in running {
            guard let rest = transfer.patience(at: now) else { continue }
            if rest > .zero {
                milliseconds = min(milliseconds, Interval(rest).wholeMilliseconds + 1)
            } else {
                running[key] = nil
                remove(transfer, .failed(transfer.silence))
            }
        }
        return Int32(milliseconds)
    }
}
