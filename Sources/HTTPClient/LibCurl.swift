internal import CCurl

/// The initialisation of libcurl, once for the program.
package enum LibCurl {
    /// False if libcurl cannot be used.
    package static let isReady = lazaret_curl_global_init() == CURLE_OK
}
