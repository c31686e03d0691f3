package descriptors

import "testing"

// TestThreeSharesLeaveMostDescriptorsToOthers: with any limit from 64 on, five eighths are nobody's to take from outside.
func TestThreeSharesLeaveMostDescriptorsToOthers(t *testing.T) {
	for limit := uint64(64); limit < 1<<21; limit = limit*3/2 + 1 {
		n := share(limit, 256)
		if n < 4 || n > 256 || uint64(3*n) > limit*3/8 {
			t.Errorf("of %d descriptors a share is %d", limit, n)
		}
	}
	if n := share(1<<63, 256); n != 256 {
		t.Errorf("without a limit a share is %d, want 256", n)
	}
	if n := Share(256); n < 4 || n > 256 {
		t.Errorf("this process's share is %d", n)
	}
}
