//go:build !linux

package accept

// claimTable is not available: a thread shares its process's descriptors.
func claimTable([]int) bool {
	return false
}
