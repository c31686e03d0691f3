package gdict

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// writeMany does what changes several keys at once.
func (w *world) writeMany(t *testing.T, verb string, args []string) string {
	ctx := context.Background()
	switch verb {
	case "many": // many <key>=<value>...
		values := map[string][]byte{}
		for _, arg := range args {
			key, value, _ := strings.Cut(arg, "=")
			values[key] = []byte(value)
		}
		rev, err := w.a.StoreMany(ctx, values)
		return show(fmt.Sprintf("rev %d", rev), err)
	case "wipe":
		n, err := w.a.ErasePrefix(ctx, args[0])
		return show(fmt.Sprintf("erased %d", n), err)
	default: // txn if <condition>... then <operation>... else <operation>...
		done, err := w.a.Txn(ctx, clauses(t, args)...)
		var counted []string
		for _, r := range done.Results {
			counted = append(counted, fmt.Sprint(r.N))
		}
		branch := "otherwise"
		if done.Succeeded {
			branch = "succeeded"
		}
		return show(fmt.Sprintf("rev %d %s (%s)", done.Rev, branch, strings.Join(counted, " ")), err)
	}
}

// clauses reads what a transcript says: conditions and operations are written as calls without spaces.
func clauses(t *testing.T, args []string) (all []Clause) {
	part := ""
	for _, arg := range args {
		switch {
		case arg == "if" || arg == "then" || arg == "else":
			part = arg
		case part == "if":
			all = append(all, If(condition(t, arg)))
		case part == "then":
			all = append(all, Then(operation(t, arg)))
		default:
			all = append(all, Else(operation(t, arg)))
		}
	}
	return all
}

// called splits name(arg,arg).
func called(text string) (name string, args []string) {
	name, rest, _ := strings.Cut(text, "(")
	return name, append(strings.Split(strings.TrimSuffix(rest, ")"), ","), "", "")
}

func condition(t *testing.T, text string) Cond {
	switch name, args := called(text); name {
	case "rev":
		return RevIs(args[0], uint64(number(t, args[1])))
	case "missing":
		return Missing(args[0])
	case "exists":
		return Exists(args[0])
	case "is":
		return ValueIs(args[0], []byte(args[1]))
	case "isnot":
		return ValueIsNot(args[0], []byte(args[1]))
	case "counts":
		return CounterIn(args[0], number(t, args[1]), number(t, args[2]))
	case "empty":
		return Cond{}
	default:
		t.Fatalf("unknown condition %q", text)
		return Cond{}
	}
}

func operation(t *testing.T, text string) Op {
	switch name, args := called(text); name {
	case "store":
		return Store(args[0], []byte(args[1]))
	case "new":
		return StoreIfMissing(args[0], []byte(args[1]))
	case "erase":
		return Erase(args[0])
	case "wipe":
		return ErasePrefix(args[0])
	case "count":
		return UpdateCounter(args[0], number(t, args[1]))
	case "cas":
		return CompareAndStore(args[0], uint64(number(t, args[1])), []byte(args[2]))
	case "own":
		return Store(args[0], nil, OwnedBy(owner(t, args[1])))
	case "append":
		return Append(args[0], []byte(args[1]))
	case "push":
		return AppendList(args[0], []byte(args[1]))
	case "empty":
		return Op{}
	default:
		t.Fatalf("unknown operation %q", text)
		return Op{}
	}
}
