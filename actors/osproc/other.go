//go:build !linux

package osproc

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gendac/gendac/actors/app"
)

// GuardMain reports that there is no guard here and returns 2.
func GuardMain([]string, io.Reader) int {
	fmt.Fprintln(os.Stderr, ErrUnsupported)
	return 2
}

type child struct{}

func launch(*app.Context, Config, settings, []string) (*child, error) { return nil, ErrUnsupported }

func (*child) stop(time.Duration) error { return ErrUnsupported }
