package lease

import (
	"time"

	"golang.org/x/sys/unix"
)

// Suspended returns for how long this machine has been suspended in all since it was booted: by how much CLOCK_BOOTTIME
// is ahead of CLOCK_MONOTONIC. It never says more than is true, and what it says short is at most the time that this
// very call was held up. Neither clock shows that a whole virtual machine was paused from outside.
func Suspended() time.Duration {
	const prompt, tries = 100 * time.Microsecond, 5
	var most time.Duration
	for range tries {
		boot, after := read(unix.CLOCK_BOOTTIME), read(unix.CLOCK_MONOTONIC)
		most = max(most, boot-after)
		if again := read(unix.CLOCK_BOOTTIME); again-boot < prompt {
			break
		}
	}
	return most
}

func read(clock int32) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		panic("lease: no such clock: " + err.Error()) // Linux has had both since 2.6.39
	}
	return time.Duration(ts.Nano())
}
