package history

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// A contents is what the keys of a group hold. It is never changed.
type contents map[string]string

// operations is what porcupine judges, by group. What was refused did not happen. What nobody knows of, also because its
// process died, stays open to the end of time: it may take effect at any later moment, or never.
func operations(records []Record) map[string][]porcupine.Operation {
	groups := map[string][]porcupine.Operation{}
	clients := map[string]int{}
	for _, a := range answers(records) {
		if a.result.Outcome == Refused || (a.result.Outcome == Unknown && len(a.op.Then) == 0) {
			continue // a read without an answer says nothing
		}
		if _, known := clients[a.client]; !known {
			clients[a.client] = len(clients)
		}
		groups[a.op.Group] = append(groups[a.op.Group], porcupine.Operation{
			ClientId: clients[a.client], Input: a.op, Call: a.call, Output: a.result, Return: a.end, Metadata: a.client,
		})
	}
	return groups
}

// model is a dictionary of the keys of one group.
var model = porcupine.Model{
	Init: func() any { return contents{} },
	Step: func(state, input, output any) (bool, any) {
		return step(state.(contents), input.(Op), output.(Result))
	},
	Equal: func(a, b any) bool { return maps.Equal(a.(contents), b.(contents)) },
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("%v: %v", input.(Op), output.(Result))
	},
	DescribeState: func(state any) string {
		var b strings.Builder
		for _, key := range slices.Sorted(maps.Keys(state.(contents))) {
			fmt.Fprintf(&b, "%s=%s ", key, state.(contents)[key])
		}
		return b.String()
	},
}

// step says whether an operation can have had that result, and what is there then.
func step(before contents, o Op, r Result) (bool, contents) {
	known := r.Outcome == Done
	if len(o.Read) > 0 {
		for _, key := range o.Read {
			is, found := before[key]
			if was, seen := r.Values[key]; seen != found || was != is {
				return false, before
			}
		}
		return true, before
	}
	held := !slices.ContainsFunc(o.If, func(c Cond) bool {
		is, found := before[c.Key]
		return found == c.Absent || (found && is != c.Value)
	})
	if known && held != r.Held {
		return false, before
	}
	if !held {
		return true, before
	}
	after := maps.Clone(before)
	for _, a := range o.Then {
		switch a.Do {
		case "store":
			after[a.Key] = a.Value
		case "erase":
			delete(after, a.Key)
		case "add":
			was, _ := strconv.ParseInt(after[a.Key], 10, 64) // zero if it is missing
			if known && was+a.Delta != r.Sum {
				return false, before
			}
			after[a.Key] = strconv.FormatInt(was+a.Delta, 10)
		case "append":
			after[a.Key] += a.Value
			if known && int64(len(after[a.Key])) != r.Sum {
				return false, before
			}
		}
	}
	return true, after
}

// Linear says how many operations there were and which groups of keys are not linearizable. Of each such group it writes
// a picture into dir, unless that is empty. A group that takes longer than patience is a problem too: it is not proved.
func Linear(records []Record, patience time.Duration, dir string) (checked int, problems []string) {
	groups := operations(records)
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		checked += len(groups[group])
		verdict, info := porcupine.CheckOperationsVerbose(model, groups[group], patience)
		if verdict == porcupine.Ok {
			continue
		}
		problem := fmt.Sprintf("group %s, %d operations: %s", group, len(groups[group]), verdict)
		if dir != "" {
			picture := filepath.Join(dir, strings.ReplaceAll(group, "/", "-")+".html")
			if err := porcupine.VisualizePath(model, info, picture); err == nil {
				problem += ", see " + picture
			}
		}
		problems = append(problems, problem)
	}
	return checked, problems
}
