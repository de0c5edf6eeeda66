//go:build !linux

package accept

// claimTable is not available: a thread shares its process's descriptors.
func claimTable([]int) bool {
	return false
}

// guardPoller has nothing to do: no thread of another table depends on what the
// Go runtime's poller has.
func guardPoller(Guard) {}
