package disk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader"
)

func TestATornEndIsCutOff(t *testing.T) {
	tear := map[string]func(data []byte, from int) []byte{
		"short header":    func(data []byte, from int) []byte { return data[:from+10] },
		"short payload":   func(data []byte, from int) []byte { return data[:len(data)-100] },
		"all unwritten":   func(data []byte, from int) []byte { clear(data[from:]); return data },
		"last unwritten":  func(data []byte, from int) []byte { clear(data[len(data)/sector*sector:]); return data },
		"first unwritten": func(data []byte, from int) []byte { clear(data[from : (from/sector+1)*sector]); return data },
		"zeros behind":    func(data []byte, from int) []byte { return append(data[:from], make([]byte, 5000)...) },
	}
	for name, tearIt := range tear {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "main")
			s, err := Open(dir, owner, 1)
			if err != nil {
				t.Fatal(err)
			}
			mustSave(t, s, genleader.Write{Entries: entries(1, 1, 30), State: state(1, 7)})
			acknowledged := int(s.end)
			mustSave(t, s, genleader.Write{Entries: entries(1, 31, 90), State: state(1, 7)})
			mustClose(t, s)
			path := s.segmentPath(1)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, tearIt(data, acknowledged), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err = Open(dir, owner, 1)
			if err != nil {
				t.Fatal(err)
			}
			if got := load(t, s).Entries; len(got) != 30 || !strings.Contains(s.Repaired(), path) {
				t.Errorf("%d entries; repaired: %q", len(got), s.Repaired())
			}
			mustSave(t, s, genleader.Write{Entries: entries(2, 31, 31), State: state(2, 7)})
			mustClose(t, s)
			s = mustOpen(t, dir)
			if got := load(t, s).Entries; len(got) != 31 || s.Repaired() != "" {
				t.Errorf("after the repair: %d entries; repaired: %q", len(got), s.Repaired())
			}
			mustClose(t, s)
		})
	}
}

// TestEveryFlippedBitIsRefused, wherever it is, also in the last batch, which is the one that could be torn. The entries are
// long rows of zeros, which must not pass for what was never written.
func TestEveryFlippedBitIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "main")
	s := mustOpen(t, dir)
	mustSave(t, s, genleader.Write{Entries: entries(1, 1, 2), State: state(1, 7)})
	if _, err := s.SaveSnapshot(snapshotAt(1, 2), imageOf("the state")); err != nil {
		t.Fatal(err)
	}
	zeros := entry(1, 3, string(make([]byte, 700)))
	mustSave(t, s, genleader.Write{Entries: []*raftpb.Entry{zeros}})
	mustSave(t, s, genleader.Write{Entries: []*raftpb.Entry{entry(1, 4, string(make([]byte, 700)))}})
	mustClose(t, s)
	for _, path := range []string{s.segmentPath(1), s.snapshotPath(2), filepath.Join(dir, identityName)} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := range data {
			flipped := slices.Clone(data)
			flipped[at] ^= 1 << (at % 8)
			if err := os.WriteFile(path, flipped, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := open(dir, owner, 42, 4096)
			if damage := (*CorruptError)(nil); !errors.As(err, &damage) || damage.File != path || damage.Offset > int64(at) {
				t.Fatalf("bit flipped at %d of %s: %v", at, path, err)
			}
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, mustOpen(t, dir))
}

func TestAMissingFileIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "main")
	s := mustOpen(t, dir)
	for i := range uint64(300) {
		mustSave(t, s, genleader.Write{Entries: entries(1, i+1, i+1), State: state(1, 7)})
		if i == 150 {
			if _, err := s.SaveSnapshot(snapshotAt(1, 150), imageOf("the state")); err != nil {
				t.Fatal(err)
			}
		}
	}
	mustClose(t, s)
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) < 5 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if name == s.segmentPath(s.segments[len(s.segments)-1].number) {
			continue // looks as if the crash had come before
		}
		if err := os.Rename(name, dir+".away"); err != nil {
			t.Fatal(err)
		}
		if _, err := open(dir, owner, 42, 4096); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrForeign) {
			t.Errorf("without %s: %v", name, err)
		}
		if err := os.Rename(dir+".away", name); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, mustOpen(t, dir))
}

// written is a directory with three segments, a snapshot and a known content.
func written(t testing.TB) (dir string, want *genleader.Stored) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "main")
	s, err := open(dir, owner, 42, 2048)
	if err != nil {
		t.Fatal(err)
	}
	want = &genleader.Stored{}
	for i := range uint64(60) {
		w := genleader.Write{Entries: []*raftpb.Entry{entry(1, i+1, strings.Repeat("\x00x", int(i)*7%90))}, State: state(1, i%3)}
		mustSave(t, s, w)
		if err := want.Add(w); err != nil {
			t.Fatal(err)
		}
		if i == 30 {
			if _, err := s.SaveSnapshot(snapshotAt(1, 20), imageOf("the state")); err != nil {
				t.Fatal(err)
			}
			want.Put(snapshotAt(1, 20))
		}
	}
	mustClose(t, s)
	return dir, want
}

// FuzzOpen damages a directory and opens it. It never panics, and it never opens with less than was saved, unless the end of
// the last segment is missing or was never written, which is what a crash leaves.
func FuzzOpen(f *testing.F) {
	f.Add(uint8(0), uint8(1), uint16(100), uint16(3))
	f.Add(uint8(1), uint8(0), uint16(7), uint16(200))
	f.Add(uint8(2), uint8(9), uint16(1), uint16(9999))
	f.Add(uint8(3), uint8(2), uint16(50), uint16(50))
	template, want := written(f)
	f.Fuzz(func(t *testing.T, kind, file uint8, at, n uint16) {
		dir := filepath.Join(t.TempDir(), "main")
		if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
			t.Fatal(err)
		}
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		name := names[int(file)%len(names)]
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		from := int(at) % (len(data) + 1)
		to := min(len(data), from+int(n))
		tail := false // of the last segment, and to its end
		switch kind % 5 {
		case 0:
			if from < len(data) {
				data[from] ^= byte(n) | 1
			}
		case 1:
			tail = from > 0
			data = data[:from]
		case 2:
			tail = from > 0 && (to == len(data) || hasUnwritten(make([]byte, to), from, to))
			clear(data[from:to])
		case 3:
			data = slices.Concat(data[:from], bytes.Repeat([]byte{byte(n)}, int(n)), data[from:])
			tail = byte(n) == 0
		case 4:
			tail = from > 0 && to == len(data)
			data = slices.Concat(data[:from], data[to:])
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		last := names[len(names)-2] == name // the snapshot comes behind the segments
		s, err := open(dir, owner, 42, 2048)
		if err != nil {
			return
		}
		defer mustClose(t, s)
		stored := load(t, s)
		if same(t, stored, want) {
			return
		}
		if !tail || !last || len(stored.Entries) >= len(want.Entries) {
			t.Fatalf("damage of kind %d at %d to %d of %s (%d bytes left) was not seen", kind%5, from, to, name, len(data))
		}
		for i, e := range stored.Entries {
			if !proto.Equal(e, want.Entries[i]) {
				t.Fatalf("entry %d is not as it was saved", e.GetIndex())
			}
		}
	})
}

func same(t *testing.T, a, b *genleader.Stored) bool {
	t.Helper()
	if a.Snapshot.GetMetadata().GetIndex() != b.Snapshot.GetMetadata().GetIndex() || !proto.Equal(a.State, b.State) {
		return false
	}
	return slices.EqualFunc(a.Entries, b.Entries, func(x, y *raftpb.Entry) bool { return proto.Equal(x, y) })
}
