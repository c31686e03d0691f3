package gdict

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/gendac/gendac/behaviours/genleader"
)

// TestOwnersFollowAMap holds two dictionaries, of which one is now and then replaced by a snapshot of the other, to a
// plain map of who owns which key: every key stays as long as its owner, and no longer.
func TestOwnersFollowAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := New(), New()
		owner := map[string]Owner{} // of each key that is there; the zero owner: nobody's
		actors, gone := map[Owner]bool{}, map[string]uint64{}
		index := uint64(0)
		do := func(o op) error {
			index++
			cmd := a.ordered(encodeOp(o))
			first, second := a.apply(index, 1, cmd), b.apply(index, 1, cmd)
			if !bytes.Equal(first, second) {
				t.Fatalf("%v: %q and %q", o, first, second)
			}
			done, err := decodeReply(first)
			return errors.Join(done.err, err)
		}
		free := func(o Owner) Owner { o.leased = false; return o }
		may := func(o Owner) bool {
			return o.Member.Incarnation > gone[o.Member.Name] && (o.actor == 0 || actors[free(o)])
		}
		drop := func(ends func(Owner) bool) {
			for key, o := range owner {
				if o != (Owner{}) && ends(o) {
					delete(owner, key)
				}
			}
		}
		draw := func() Owner {
			return Owner{
				Member: genleader.Member{
					Name: rapid.SampledFrom([]string{"n", "n1", "m"}).Draw(t, "name"), Incarnation: rapid.Uint64Range(1, 4).Draw(t, "incarnation"),
				},
				actor: rapid.Uint64Range(0, 2).Draw(t, "actor"), leased: rapid.Bool().Draw(t, "leased"),
			}
		}
		key := func() string { return rapid.SampledFrom([]string{"a", "ab", "b", "n", "z"}).Draw(t, "key") }
		t.Repeat(map[string]func(*rapid.T){
			"own": func(t *rapid.T) {
				k, o := key(), draw()
				if err := do(store{key: []byte(k), owner: &o}); (err == nil) != may(o) || err != nil && !errors.Is(err, ErrOwnerGone) {
					t.Fatalf("%v, which may own: %v: %v", o, may(o), err)
				} else if err == nil {
					owner[k] = o
				}
			},
			"store": func(*rapid.T) { k := key(); _ = do(store{key: []byte(k)}); owner[k] = Owner{} },
			"append": func(*rapid.T) {
				k := key()
				_ = do(appendBytes{key: []byte(k), data: []byte("x")})
				if _, there := owner[k]; !there {
					owner[k] = Owner{}
				}
			},
			"erase": func(*rapid.T) { k := key(); _ = do(erase{key: []byte(k)}); delete(owner, k) },
			"begin": func(t *rapid.T) {
				o := free(draw())
				o.actor++
				if err := do(ownActor{owner: o}); (err == nil) != (o.Member.Incarnation > gone[o.Member.Name]) {
					t.Fatalf("begin %v: %v", o, err)
				} else if err == nil {
					actors[o] = true
				}
			},
			"disown": func(*rapid.T) {
				o := free(draw())
				o.actor++
				_ = do(disown{owner: o})
				delete(actors, o)
				drop(func(each Owner) bool { return free(each) == o })
			},
			"end": func(t *rapid.T) {
				m, how := draw().Member, rapid.SampledFrom([]howEnded{ended, removed, lapsed}).Draw(t, "how")
				_ = do(memberEnds{member: m, how: how})
				ends := func(o Owner) bool {
					return o.Member == m || how == ended && o.Member.Name == m.Name && o.Member.Incarnation < m.Incarnation
				}
				drop(func(o Owner) bool { return ends(o) && (how != lapsed || o.leased) })
				for o := range actors {
					if how != lapsed && ends(o) {
						delete(actors, o)
					}
				}
				if how == ended {
					gone[m.Name] = max(gone[m.Name], m.Incarnation)
				}
			},
			"restore": func(t *rapid.T) {
				image, err := a.snapshot()
				if err = errors.Join(err, b.restore(image)); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				for _, d := range []*Dict{a, b} {
					size, n := uint64(0), 0
					for entry := range d.View().All() {
						n++
						want, there := owner[entry.Key]
						if have, _ := d.OwnerOf(entry.Key); !there || have != want {
							t.Fatalf("%q is %v's; wanted %v (%v)", entry.Key, have, want, there)
						}
						if size += cost(len(entry.Key), len(entry.Value)); want != (Owner{}) {
							size += ownerCost(entry.Key, want.id())
						}
					}
					if s := d.now.Load(); n != len(owner) || s.size != size {
						t.Fatalf("%d keys of size %d, wanted %d of %d", n, s.size, len(owner), size)
					}
				}
				if x, y := fmt.Sprint(a.now.Load().owned.members()), fmt.Sprint(b.now.Load().owned.members()); x != y {
					t.Fatalf("owners %s and %s", x, y)
				}
			},
		})
	})
}
