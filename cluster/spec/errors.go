package spec

import (
	"fmt"
	"strings"
)

// An Error says what is wrong with a specification, in one line.
type Error struct {
	Field   string // where, as a path: groups[0].members[1]
	Value   string // what stands there; empty when nothing does
	Problem string // what is wrong with it, and what to do
	Line    int    // of the YAML, from 1; 0 when the specification did not come from YAML
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("spec: ")
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	if e.Value != "" {
		fmt.Fprintf(&b, "%q: ", e.Value)
	}
	b.WriteString(e.Problem)
	if e.Line > 0 {
		fmt.Fprintf(&b, " (line %d)", e.Line)
	}
	return b.String()
}
