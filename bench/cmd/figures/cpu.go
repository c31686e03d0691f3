package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

func (c *cluster) cpu() time.Duration {
	var cmds []*exec.Cmd
	for _, m := range c.members {
		cmds = append(cmds, m.cmd)
	}
	return cpuOf(cmds)
}

// cpuOf is the processor time that running processes have had so far; zero where the system does not tell as Linux does.
func cpuOf(cmds []*exec.Cmd) time.Duration {
	const tick = 10 * time.Millisecond // the unit of /proc on every Linux that Go runs on
	var sum time.Duration
	for _, cmd := range cmds {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		if err != nil {
			return 0
		}
		_, rest, _ := strings.Cut(string(text), ") ") // the name before it may hold anything
		fields := strings.Fields(rest)
		for _, i := range []int{11, 12} { // user and system time
			if len(fields) > i {
				n, _ := strconv.ParseInt(fields[i], 10, 64)
				sum += time.Duration(n) * tick
			}
		}
	}
	return sum
}
