package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrNoStateDir means that nothing says where this member's state may be kept.
var ErrNoStateDir = errors.New("node: no directory for the state: STATE_DIRECTORY, XDG_STATE_HOME and HOME are not set")

// StateDir is the directory in which a member keeps its state unless it is told another one: CLUSTER/MEMBER below the
// first directory of systemd's STATE_DIRECTORY, else gendac/CLUSTER/MEMBER below XDG_STATE_HOME, else below
// ~/.local/state. Two members never have the same one. It makes no directory. It fails with ErrNoStateDir if none of the
// three is set, and with *Error if STATE_DIRECTORY is no absolute path.
func StateDir(cluster, member string) (string, error) {
	below := filepath.Join(pathName(cluster), pathName(member))
	if first, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); first != "" {
		if !filepath.IsAbs(first) {
			return "", &Error{"STATE_DIRECTORY", first, "is no absolute path"}
		}
		return filepath.Join(first, below), nil
	}
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) { // the XDG specification has relative paths ignored
		home, err := os.UserHomeDir()
		if err != nil || !filepath.IsAbs(home) {
			return "", ErrNoStateDir
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "gendac", below), nil
}

// keepState decides where this member keeps its state: in the directory that was given, in the default one, or nowhere.
func (c *Config) keepState() error {
	switch {
	case c.InMemory && c.DataDir != "":
		return &Error{"DataDir", c.DataDir, "is given, and InMemory is true: state in memory has no directory; give one of the two"}
	case c.InMemory || c.DataDir != "":
		return nil
	}
	dir, err := StateDir(c.Spec.Cluster, c.Name)
	if err != nil {
		return fmt.Errorf("%w; give DataDir a directory, or set InMemory", err)
	}
	c.DataDir = dir
	return nil
}
