//go:build !linux

package main

import "syscall"

// dieWithParent leaves it to the child to notice that its stdin ended.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
