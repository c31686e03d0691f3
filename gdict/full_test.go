package gdict

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"
)

// full is how many bytes the dictionaries of these tests may have.
const full = 24 << 20

// TestWhatEntriesCountCoversWhatTheyTake: in a snapshot, whatever their size.
func TestWhatEntriesCountCoversWhatTheyTake(t *testing.T) {
	for _, size := range []int{0, 4096, DefaultMaxValue} {
		t.Run(fmt.Sprintf("values of %d bytes", size), func(t *testing.T) {
			d := New(MaxTotal(full))
			// The highest revisions are the longest ones.
			entries := fill(t, d, math.MaxUint64-1<<20, size)
			image, err := d.snapshot()
			if err != nil {
				t.Fatal(err)
			}
			if have := d.now.Load().size; have > full || uint64(len(image)) > have {
				t.Errorf("%d entries count %d bytes and take %d; counted must be the upper bound of both", entries, have, len(image))
			}
		})
	}
}

// fill stores values of size bytes, under keys of the shortest kind, until there is no room even for an empty one.
func fill(t *testing.T, d *Dict, index uint64, size int) (entries int) {
	t.Helper()
	value := make([]byte, size)
	for {
		o := store{key: fmt.Appendf(nil, "%x", entries), value: value}
		done, err := decodeReply(d.apply(index, 1, encodeCommand(encodeOp(o), d.limits)))
		index++
		var limit *LimitError
		switch {
		case err != nil:
			t.Fatal(err)
		case done.err == nil:
			entries++
		case !errors.As(done.err, &limit) || limit.What != whatTotal:
			t.Fatal(done.err)
		case len(value) > 0:
			value = value[:len(value)/2]
		default:
			return entries
		}
	}
}

// TestAMemberThatStartsAgainGetsAFullDictionary in messages of a bearable size, however large it is.
func TestAMemberThatStartsAgainGetsAFullDictionary(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bus) {
		b.bounds = []Option{MaxTotal(full)}
		voters := []string{"n1", "n2", "n3"}
		nodes := map[string]*node{}
		for i, name := range voters {
			nodes[name] = b.start(t, name, uint64(i+1), voters, 10)
		}
		value := make([]byte, DefaultMaxValue)
		for i := range full / DefaultMaxValue {
			// The last one finds no room for the sake of what entries count beside their values; half of it does.
			_, err := nodes["n1"].dict.Store(t.Context(), fmt.Sprint("k", i), value)
			if limit := (*LimitError)(nil); errors.As(err, &limit) {
				_, err = nodes["n1"].dict.Store(t.Context(), fmt.Sprint("k", i), value[:DefaultMaxValue/2])
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		b.cut("n3").stop(t)
		b.largestSince()
		nodes["n3"] = b.start(t, "n3", 100, voters, 10)
		same(t, nodes["n1"], nodes["n2"], nodes["n3"])
		if largest := b.largestSince(); largest > 4<<20 {
			t.Errorf("the largest message had %d bytes", largest)
		}
		for _, n := range nodes {
			n.stop(t)
		}
	})
}

// TestAFullDictionaryDoesNotStopWhatItsReserveIsFor: users fill the dictionary, and its leader is lost. Under the next
// one users are still refused, and the keys of the reserve are still taken.
func TestAFullDictionaryDoesNotStopWhatItsReserveIsFor(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bus) {
		b.bounds = []Option{MaxTotal(20_000), Reserve("own/", 4000)}
		voters := []string{"n1", "n2", "n3"}
		nodes := map[string]*node{}
		for i, name := range voters {
			nodes[name] = b.start(t, name, uint64(i+1), voters, 0)
		}
		fillUp := func(n *node, prefix string) (stored int) {
			for {
				_, err := n.dict.Store(t.Context(), fmt.Sprint(prefix, stored), nil)
				if full := (*LimitError)(nil); errors.As(err, &full) && full.What == whatTotal {
					return stored
				}
				if err != nil {
					t.Fatal(err)
				}
				stored++
			}
		}
		fillUp(nodes["n1"], "user/")
		leader := nodes["n1"].group.View().Leader.Name
		b.cut(leader).stop(t)
		delete(nodes, leader)
		var left []*node
		for _, n := range nodes {
			left = append(left, n)
		}
		time.Sleep(5 * time.Second) // another one is elected
		if stored := fillUp(left[0], "more/"); stored > 0 {
			t.Errorf("users could store %d more", stored)
		}
		if stored := fillUp(left[1], "own/"); stored < 4000/(entryCost+len("own/0")) {
			t.Errorf("only %d entries fit into the reserve", stored)
		}
		same(t, left...)
		for _, n := range left {
			n.stop(t)
		}
	})
}
