package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/gendac/gendac/behaviours/genleader"
)

// TestStoreAgainstModel does what members do, in any order, and opens the directory again now and then, also in the middle
// of a write: what was saved is there, and what was being written is there whole or not at all.
func TestStoreAgainstModel(t *testing.T) {
	base := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		dir := filepath.Join(base, fmt.Sprint(runs), "main")
		s := mustOpen(t, dir)
		model := &genleader.Stored{}
		image := ""
		term := uint64(1)
		last := func() uint64 {
			if n := len(model.Entries); n > 0 {
				return model.Entries[n-1].GetIndex()
			}
			return model.Snapshot.GetMetadata().GetIndex()
		}
		reopen := func() {
			mustClose(t, s)
			s = mustOpen(t, dir)
			stored := load(t, s)
			got := ""
			if stored.Snapshot != nil {
				r, err := stored.OpenImage()
				if err != nil {
					rt.Fatal(err)
				}
				data, err := io.ReadAll(r)
				if err := errors.Join(err, r.Close()); err != nil {
					rt.Fatal(err)
				}
				got = string(data)
			}
			stored.OpenImage = nil
			if show(t, stored) != show(t, model) || got != image {
				rt.Fatalf("got\n%simage %q\nwant\n%simage %q", show(t, stored), got, show(t, model), image)
			}
		}
		save := func(w genleader.Write) {
			mustSave(t, s, w)
			if err := model.Add(w); err != nil {
				rt.Fatal(err)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				n := rapid.Uint64Range(1, 40).Draw(rt, "n")
				save(genleader.Write{Entries: entries(term, last()+1, last()+n), State: state(term, 0)})
			},
			"overwrite": func(rt *rapid.T) {
				term++
				from := rapid.Uint64Range(model.Snapshot.GetMetadata().GetIndex()+1, last()+1).Draw(rt, "from")
				save(genleader.Write{Entries: entries(term, from, from), State: state(term, 0)})
			},
			"vote": func(rt *rapid.T) {
				term++
				save(genleader.Write{State: state(term, rapid.Uint64Range(1, 3).Draw(rt, "for"))})
			},
			"snapshot": func(rt *rapid.T) {
				if len(model.Entries) == 0 {
					return
				}
				at := model.Entries[rapid.IntRange(0, len(model.Entries)-1).Draw(rt, "at")]
				image = fmt.Sprintf("state at %d", at.GetIndex())
				snapshot := snapshotAt(at.GetTerm(), at.GetIndex())
				if _, err := s.SaveSnapshot(snapshot, imageOf(image)); err != nil {
					rt.Fatal(err)
				}
				model.Put(snapshot)
			},
			"leader's snapshot": func(rt *rapid.T) {
				index := model.Snapshot.GetMetadata().GetIndex() + rapid.Uint64Range(1, 200).Draw(rt, "ahead")
				image = fmt.Sprintf("leader's at %d", index)
				if model.State == nil {
					save(genleader.Write{State: state(term, 0)})
				}
				save(genleader.Write{Snapshot: snapshotAt(term, index), Image: imageOf(image)})
			},
			"reopen": func(*rapid.T) { reopen() },
			"crash": func(rt *rapid.T) {
				w := genleader.Write{Entries: entries(term, last()+1, last()+20), State: state(term, 0)}
				before, seg := s.end, s.segments[len(s.segments)-1].number
				mustSave(t, s, w)
				if s.segments[len(s.segments)-1].number != seg {
					if err := model.Add(w); err != nil {
						rt.Fatal(err)
					}
					return
				}
				cut := rapid.Int64Range(before, s.end).Draw(rt, "cut")
				if cut == s.end {
					if err := model.Add(w); err != nil {
						rt.Fatal(err)
					}
				}
				if err := os.Truncate(s.segmentPath(seg), cut); err != nil {
					rt.Fatal(err)
				}
				reopen()
			},
		})
		reopen()
		mustClose(t, s)
	})
}
