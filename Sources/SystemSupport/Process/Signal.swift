internal import Glibc
package import Timestamps

/// A flag that a thread waits for and others raise. Raising it repeatedly before the thread wakes
/// has no further effect, so a burst wakes the thread once. Its timeout uses the monotonic clock.
///
/// `@unchecked` because the compiler cannot see that `isRaised` is used only under the mutex; the
/// two pointers never change.
@safe
package final class Signal: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var isRaised = false

    package init() {
        // SAFETY: only this object owns both; they are created once here and destroyed in `deinit`.
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    package func raise() {
        // SAFETY: both are valid as long as the object.
        unsafe pthread_mutex_lock(mutex)
        isRaised = true
        unsafe pthread_cond_broadcast(condition)
        unsafe pthread_mutex_unlock(mutex)
    }

    /// Waits until the flag is raised, and clears it.
    ///
    /// - Returns: false if `deadline` was reached first.
    @discardableResult
    package func wait(until deadline: Instant) -> Bool {
        // The seconds of a clock are not negative, and the deadline is within the clock's range.
        let end = max(deadline.nanoseconds, 0)
        let second = Interval.seconds(1).nanoseconds
        var time = timespec(tv_sec: Int(end / second), tv_nsec: Int(end % second))
        // SAFETY: as above; the mutex is held around the wait.
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while !isRaised {
            guard unsafe pthread_cond_timedwait(condition, mutex, &time) == 0 else { break }
        }
        defer { isRaised = false }
        return isRaised
    }
}
