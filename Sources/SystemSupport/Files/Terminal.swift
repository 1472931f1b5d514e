internal import Glibc

/// Terminals that this process writes to.
package enum Terminal {
    /// The size of a terminal (ioctl_tty(2)); nil if the descriptor is none, or if it is not known.
    package static func size(of descriptor: Int32) -> (columns: Int, rows: Int)? {
        var size = winsize()
        // SAFETY: the request fills a structure of this type.
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return nil
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }
}
