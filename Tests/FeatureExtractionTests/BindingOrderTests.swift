import BaselineGraph
import NetworkAddresses
import SenderAttribution
import Testing
import Workloads

/// Dictionaries have another order in each run of the program; verdicts must not.
struct BindingOrderTests {
    @Test func ofTwoMACAddressesWithAnAddressTheFirstIsItsOwner() {
        var graph = CommunicationGraph()
        for number in UInt64(1)...20 {
            let link = CommunicationGraph.Link(
                addresses: [IPAddress(v4: 0x0A00_0000 + UInt32(number))], isRouter: false)
            graph.links[MACAddress(100 + number)] = link
            graph.links[MACAddress(200 + number)] = link
        }
        let table = MACBindingTable(graph: graph, inventory: .empty, isLearning: false)
        for number in UInt64(1)...20 {
            let address = IPAddress(v4: 0x0A00_0000 + UInt32(number))
            let holder = table.holder(of: address, otherThan: MACAddress(1))
            #expect(holder?.0 == MACAddress(100 + number) && holder?.1 == true)
        }
    }
}
