import FlowMetering
import Timestamps

/// A meter so small that evictions, intervals and timeouts happen with a short input.
func smallMeter() -> FlowMeter {
    var options = FlowMeterOptions()
    options.capacity = 4
    options.idleTimeout = .seconds(2)
    options.activeTimeout = .seconds(5)
    options.fragmentCapacity = 2
    return FlowMeter(options: options)
}
