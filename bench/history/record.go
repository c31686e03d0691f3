package history

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// A Kind is what a record tells.
type Kind string

const (
	Invoke Kind = "invoke" // an operation begins
	Return Kind = "return" // it ends
	Local  Kind = "local"  // a read that asked nobody
	Opened Kind = "opened" // a watch begins, after Rev, or with a snapshot if that is zero
	Change Kind = "change" // the watch shows a change, or an entry of its snapshot
	Synced Kind = "synced" // the watch has shown what it begins with
	Ended  Kind = "ended"  // the watch has ended, Problem says why
	Status Kind = "status" // what the member knows of its group
	Failed Kind = "failed" // the member ended by itself
)

// A Record is one line that a client, a watch or a member wrote. At is in nanoseconds of a clock that all processes share.
type Record struct {
	Kind    Kind              `json:"kind"`
	At      int64             `json:"at"`
	Process string            `json:"process"` // a member and one of its incarnations
	Client  int               `json:"client,omitempty"`
	ID      int               `json:"id,omitempty"` // of the operation or the watch, its process's own
	Op      *Op               `json:"op,omitempty"`
	Result  *Result           `json:"result,omitempty"`
	Rev     uint64            `json:"rev,omitempty"`
	Through uint64            `json:"through,omitempty"` // of a change: all up to this revision has been shown
	Seen    uint64            `json:"seen,omitempty"`    // of a local read: the latest revision that its client was given before
	Covers  int64             `json:"covers,omitempty"`  // of a local read: it must see what was acknowledged before that moment
	Key     string            `json:"key,omitempty"`
	Value   string            `json:"value,omitempty"`
	Erased  bool              `json:"erased,omitempty"` // of a change, and of a local read: no entry
	Leader  string            `json:"leader,omitempty"`
	Problem string            `json:"problem,omitempty"`
	Members map[string]string `json:"members,omitempty"` // the leader's: who is what
}

// ParseRecord reads a line.
func ParseRecord(line []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("history: %q: %w", line, err)
	}
	return r, nil
}

// An Op is what was asked: if all conditions hold all actions are done, else none; or the values of keys are read. All its
// keys are of one group, and no other group's operations touch them.
type Op struct {
	Group string   `json:"group"`
	If    []Cond   `json:"if,omitempty"`
	Then  []Action `json:"then,omitempty"`
	Read  []string `json:"read,omitempty"`
}

// A Cond holds if a key has this value, or no entry.
type Cond struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Absent bool   `json:"absent,omitempty"`
}

// An Action stores a value, erases a key, adds to a counter, or appends to a value. What is stored is never stored twice.
type Action struct {
	Do    string `json:"do"` // store, erase, add, append
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
	Delta int64  `json:"delta,omitempty"`
}

// An Outcome is what the caller knows.
type Outcome string

const (
	Done    Outcome = "done"
	Refused Outcome = "refused" // nothing was done, for certain
	Unknown Outcome = "unknown"
)

// A Result is what came of an operation. Rev is zero when the caller is not told.
type Result struct {
	Outcome Outcome           `json:"outcome"`
	Held    bool              `json:"held,omitempty"` // the conditions did
	Rev     uint64            `json:"rev,omitempty"`
	Sum     int64             `json:"sum,omitempty"`    // of an add; after an append, the length
	Values  map[string]string `json:"values,omitempty"` // of a read; what has no entry is missing
	Err     string            `json:"err,omitempty"`
}

// An answered is an operation with what came of it: Unknown if nothing did.
type answered struct {
	client    string
	op        Op
	result    Result
	call, end int64
}

// answers pairs what was asked with what came of it, in the order asked.
func answers(records []Record) []*answered {
	type call struct {
		process string
		id      int
	}
	open := map[call]*answered{}
	var all []*answered
	for _, r := range records {
		switch c := (call{r.Process, r.ID}); r.Kind {
		case Invoke:
			open[c] = &answered{fmt.Sprint(r.Process, "/", r.Client), *r.Op, Result{Outcome: Unknown}, r.At, math.MaxInt64}
			all = append(all, open[c])
		case Return:
			if a := open[c]; a != nil {
				a.result = *r.Result
				if r.Result.Outcome != Unknown {
					a.end = r.At
				}
			}
		default:
		}
	}
	return all
}

func (o Op) String() string {
	var b strings.Builder
	for _, c := range o.If {
		if c.Absent {
			fmt.Fprintf(&b, "if no %s ", c.Key)
		} else {
			fmt.Fprintf(&b, "if %s=%s ", c.Key, c.Value)
		}
	}
	for _, a := range o.Then {
		switch a.Do {
		case "store":
			fmt.Fprintf(&b, "%s=%s ", a.Key, a.Value)
		case "add":
			fmt.Fprintf(&b, "%s+=%d ", a.Key, a.Delta)
		case "append":
			fmt.Fprintf(&b, "%s<-%s ", a.Key, a.Value)
		default:
			fmt.Fprintf(&b, "%s %s ", a.Do, a.Key)
		}
	}
	if len(o.Read) > 0 {
		fmt.Fprintf(&b, "read %s ", strings.Join(o.Read, " "))
	}
	return strings.TrimSpace(b.String())
}

func (r Result) String() string {
	var b strings.Builder
	b.WriteString(string(r.Outcome))
	if r.Outcome == Done {
		fmt.Fprintf(&b, " held=%t rev=%d sum=%d", r.Held, r.Rev, r.Sum)
		for _, key := range slices.Sorted(maps.Keys(r.Values)) {
			fmt.Fprintf(&b, " %s=%s", key, r.Values[key])
		}
	}
	if r.Err != "" {
		b.WriteString(" " + r.Err)
	}
	return b.String()
}
