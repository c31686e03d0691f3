package spec

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Limits are what the process may use, and each process that it starts. A nil field is as the member has it.
type Limits struct {
	NoFile *int  `yaml:"nofile,omitempty" json:"nofile,omitempty"` // file descriptors
	NProc  *int  `yaml:"nproc,omitempty" json:"nproc,omitempty"`   // processes and threads of its user, wherever they come from
	Memory *Size `yaml:"memory,omitempty" json:"memory,omitempty"` // address space
	Core   *Size `yaml:"core,omitempty" json:"core,omitempty"`     // a core dump; 0 is none
}

// A Umask is the permissions that new files do not get, in octal: "027". Empty means the member's.
type Umask string

// Bits returns the value of a mask that is not empty, and whether it is one.
func (u Umask) Bits() (int, bool) {
	bits, err := strconv.ParseUint(string(u), 8, 32)
	return int(bits), err == nil && bits <= 0o777
}

// A Size is a number of bytes that is written with a unit: 64KiB, 512MiB, 2GiB.
type Size int64

var units = []struct {
	name  string
	bytes Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// String returns the shortest text that means the same: "512MiB", "1000", "0".
func (s Size) String() string {
	for _, u := range units {
		if s > 0 && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText writes what String returns.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText accepts a whole number of bytes, KiB, MiB or GiB. A refusal is a *Error.
func (s *Size) UnmarshalText(text []byte) error {
	number, unit := string(text), Size(1)
	for _, u := range units {
		if digits, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = digits, u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 62)
	if err != nil || Size(n) > maxSize/unit {
		return &Error{Value: string(text), Problem: "not a size: write a whole number and KiB, MiB or GiB, such as 512MiB, or a number of bytes"}
	}
	*s = Size(n) * unit
	return nil
}

// maxSize is far beyond every machine and has room in an int64.
const maxSize = Size(1) << 60

func (d *decoder) size(n *yaml.Node, field string, at *Size) error {
	if n.Kind != yaml.ScalarNode {
		return d.scalar(n, field, reflect.ValueOf(new(string)).Elem())
	}
	if err := at.UnmarshalText([]byte(n.Value)); err != nil {
		return d.fail(n, field, n.Value, err.(*Error).Problem) //nolint:errorlint // it is what UnmarshalText returns
	}
	return nil
}

// checkProcess checks what concerns an OS process.
func (a Application) checkProcess(field string) error {
	if len(a.Command) == 0 {
		if a.Dir != "" || len(a.Env) > 0 || len(a.EnvFrom) > 0 || a.User != "" || a.Umask != "" || a.Limits != nil {
			return &Error{Field: field, Problem: "dir, env, env_from, user, umask and limits belong to an OS process: give a command too"}
		}
		return nil
	}
	if a.Command[0] == "" {
		return &Error{Field: field + ".command[0]", Problem: "the path of the command is empty"}
	}
	for i, arg := range a.Command {
		if strings.Contains(arg, "\x00") {
			return &Error{Field: fmt.Sprintf("%s.command[%d]", field, i), Value: arg, Problem: "holds a zero byte, which no process can be given"}
		}
	}
	for _, text := range []struct{ name, value string }{{"dir", a.Dir}, {"user", a.User}} {
		if strings.Contains(text.value, "\x00") {
			return &Error{Field: field + "." + text.name, Value: text.value, Problem: "holds a zero byte"}
		}
	}
	if _, ok := a.Umask.Bits(); a.Umask != "" && !ok {
		return &Error{Field: field + ".umask", Value: string(a.Umask), Problem: "not an octal mask: write it as 022, 027 or 077"}
	}
	if err := a.checkEnvironment(field); err != nil {
		return err
	}
	return a.Limits.check(field + ".limits")
}

func (a Application) checkEnvironment(field string) error {
	for _, name := range slices.Sorted(maps.Keys(a.Env)) {
		at := join(field+".env", name)
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return &Error{Field: at, Value: name, Problem: "not the name of a variable: it may not be empty or hold '='"}
		}
		if strings.Contains(a.Env[name], "\x00") {
			return &Error{Field: at, Value: a.Env[name], Problem: "holds a zero byte, which no variable can"}
		}
		if strings.HasPrefix(name, "GENDAC_") {
			return &Error{Field: at, Problem: "names that begin with GENDAC_ are given by the member"}
		}
	}
	for i, name := range a.EnvFrom {
		if plain := strings.TrimSuffix(name, "*"); name == "" || strings.ContainsAny(plain, "*=\x00") {
			return &Error{
				Field: fmt.Sprintf("%s.env_from[%d]", field, i), Value: name,
				Problem: "not the name of a variable: write NAME, PREFIX* for all that begin so, or * for all",
			}
		}
	}
	return nil
}

func (l *Limits) check(field string) error {
	if l == nil {
		return nil
	}
	for _, n := range []struct {
		name  string
		value *int
		least int
	}{{"nofile", l.NoFile, 16}, {"nproc", l.NProc, 1}} {
		if n.value != nil && (*n.value < n.least || *n.value > 1<<30) {
			return &Error{Field: field + "." + n.name, Value: strconv.Itoa(*n.value), Problem: fmt.Sprintf("want %d to %d", n.least, 1<<30)}
		}
	}
	for _, s := range []struct {
		name  string
		value *Size
		least Size
	}{{"memory", l.Memory, 1 << 20}, {"core", l.Core, 0}} {
		if s.value != nil && (*s.value < s.least || *s.value > maxSize) {
			return &Error{Field: field + "." + s.name, Value: s.value.String(), Problem: fmt.Sprintf("want at least %s", s.least)}
		}
	}
	return nil
}
