package gdict

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func exported(t testing.TB, v View, keep func(Entry) bool) []byte {
	t.Helper()
	var file bytes.Buffer
	n, err := v.Export(&file, keep)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := CheckBackup(bytes.NewReader(file.Bytes())); err != nil || b != (Backup{v.Rev(), n, int64(file.Len())}) {
		t.Fatalf("a backup of %d entries at revision %d checks as %+v, %v", n, v.Rev(), b, err)
	}
	return file.Bytes()
}

func pairs(v View) (out []string) {
	for e := range v.All() {
		out = append(out, fmt.Sprintf("%q=%q", e.Key, e.Value))
	}
	return out
}

// TestABackupComesBackAsItWas: any entries, exported and imported into another dictionary, are the same entries.
func TestABackupComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := New()
		newTestLog(d)
		key := rapid.SliceOfN(rapid.Byte(), 1, 5)
		for range rapid.IntRange(0, 150).Draw(t, "entries") {
			value := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "value")
			if _, err := d.Store(t.Context(), string(key.Draw(t, "key")), value); err != nil {
				t.Fatal(err)
			}
		}
		var file bytes.Buffer
		if n, err := d.View().Export(&file, nil); err != nil || n != d.View().Size() {
			t.Fatalf("%d entries, %v", n, err)
		}
		other := New()
		newTestLog(other)
		done, err := Import(t.Context(), other, bytes.NewReader(file.Bytes()), ImportOptions{})
		if err != nil || done.Stored != d.View().Size() || !slices.Equal(pairs(other.View()), pairs(d.View())) {
			t.Fatalf("%+v, %v", done, err)
		}
	})
}

func TestADamagedBackupIsRefusedBeforeAnythingIsStored(t *testing.T) {
	d := filledWith(t, "apple", "banana", "cherry")
	file := exported(t, d.View(), nil)
	refuse := func(name string, b []byte, at int) {
		t.Helper()
		to := New()
		newTestLog(to)
		done, err := Import(t.Context(), to, bytes.NewReader(b), ImportOptions{})
		bad := (*BackupError)(nil)
		if !errors.As(err, &bad) || !errors.Is(err, ErrBackup) || bad.Offset > int64(at) || to.View().Rev() != 0 || done != (Imported{}) {
			t.Errorf("%s: %v, %+v, %d entries", name, err, done, to.View().Size())
		}
		if want := fmt.Sprintf("offset %d: ", bad.Offset); !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q does not name %s", name, err, want)
		}
	}
	for i := range file {
		for _, bit := range []byte{1, 0x80} {
			broken := slices.Clone(file)
			broken[i] ^= bit
			refuse(fmt.Sprintf("byte %d changed", i), broken, i)
		}
		refuse(fmt.Sprintf("cut after %d bytes", i), file[:i], i)
	}
	refuse("something follows", append(slices.Clone(file), 0), len(file))
	refuse("twice", append(slices.Clone(file), file...), len(file))
}

// TestTheOffsetIsThatOfTheDamagedRecord: each record that is changed or taken out is the one that is named, or the one
// after it.
func TestTheOffsetIsThatOfTheDamagedRecord(t *testing.T) {
	file := exported(t, filledWith(t, "apple", "banana", "cherry").View(), nil)
	at := bytes.Index(file, []byte("banana")) - 4 // kind, length, revision, length of the key
	end := at + 4 + 2*len("banana") + 4
	broken := slices.Clone(file)
	broken[at+6] ^= 1
	_, err := CheckBackup(bytes.NewReader(broken))
	if bad := (*BackupError)(nil); !errors.As(err, &bad) || bad.Offset != int64(at) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("banana, at %d, is damaged: %v", at, err)
	}
	_, err = CheckBackup(bytes.NewReader(slices.Concat(file[:at], file[end:])))
	if bad := (*BackupError)(nil); !errors.As(err, &bad) || bad.Offset != int64(at) {
		t.Errorf("banana, at %d, is left out: %v", at, err)
	}
	_, err = CheckBackup(io.MultiReader(bytes.NewReader(file[:at]), failingReader{}))
	if bad := (*BackupError)(nil); !errors.As(err, &bad) || bad.Offset != int64(at) || !errors.Is(err, errRefusing) {
		t.Errorf("reading fails at %d: %v", at, err)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errRefusing }

func TestAnExportSaysWhenItCannotBeWritten(t *testing.T) {
	v := filledWith(t, "apple").View()
	if n, err := v.Export(failingWriter{}, nil); !errors.Is(err, errRefusing) || n != 0 {
		t.Errorf("%d entries, %v", n, err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errRefusing }

func TestAnImportTakesWhatItsOptionsSay(t *testing.T) {
	from := filledWith(t, "a1", "a2", "b1", "c1")
	file := exported(t, from.View(), func(e Entry) bool { return e.Key != "c1" })
	d := filledWith(t, "new/a1", "other")
	done, err := Import(t.Context(), d, bytes.NewReader(file), ImportOptions{
		Keep: func(e Entry) bool { return strings.HasPrefix(e.Key, "a") }, Under: "new/",
	})
	if want := (Imported{Stored: 2, Skipped: 1, Last: "a2", Rev: 3}); err != nil || done != want {
		t.Errorf("%+v, %v; wanted %+v", done, err, want)
	}
	want := []string{`"new/a1"="a1"`, `"new/a2"="a2"`, `"other"="other"`}
	if got := pairs(d.View()); !slices.Equal(got, want) {
		t.Errorf("%q, wanted %q", got, want)
	}
}

// A storer that fails after some batches, and counts their entries.
type storer struct {
	dict  *Dict
	after int
	sizes []int
}

func (s *storer) StoreMany(ctx context.Context, values map[string][]byte) (uint64, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		return 0, errors.New("a batch without a deadline")
	}
	if s.after--; s.after < 0 {
		return 0, errRefusing
	}
	s.sizes = append(s.sizes, len(values))
	return s.dict.StoreMany(ctx, values)
}

// TestAnImportThatFailedGoesOn: the error says what has been done, and with After the rest follows.
func TestAnImportThatFailedGoesOn(t *testing.T) {
	var keys []string
	for i := range 3*importEntries + 7 {
		keys = append(keys, fmt.Sprintf("k%03d", i))
	}
	from := filledWith(t, keys...)
	file := exported(t, from.View(), nil)
	d := New()
	newTestLog(d)
	s := &storer{dict: d, after: 2}
	done, err := Import(t.Context(), s, bytes.NewReader(file), ImportOptions{})
	want := Imported{Stored: 2 * importEntries, Last: keys[2*importEntries-1], Rev: 2}
	if !errors.Is(err, errRefusing) || done != want || !strings.Contains(err.Error(), keys[2*importEntries]) {
		t.Fatalf("%+v, %v; wanted %+v", done, err, want)
	}
	s.after = 10
	done, err = Import(t.Context(), s, bytes.NewReader(file), ImportOptions{After: done.Last})
	if err != nil || done.Stored != importEntries+7 || !slices.Equal(s.sizes, []int{importEntries, importEntries, importEntries, 7}) {
		t.Errorf("%+v, %v, batches %v", done, err, s.sizes)
	}
	if !slices.Equal(pairs(d.View()), pairs(from.View())) {
		t.Error("not everything has come over")
	}
}

// TestAnImportKeepsToTheLimits: batches are bounded by their bytes, and are halved where a dictionary takes less at once.
func TestAnImportKeepsToTheLimits(t *testing.T) {
	from := New()
	newTestLog(from)
	large := make([]byte, importBytes/3)
	for i := range 7 {
		if _, err := from.Store(t.Context(), fmt.Sprint("large", i), large); err != nil {
			t.Fatal(err)
		}
	}
	file := exported(t, from.View(), nil)
	d := New()
	newTestLog(d)
	s := &storer{dict: d, after: 100}
	if done, err := Import(t.Context(), s, bytes.NewReader(file), ImportOptions{}); err != nil || done.Stored != 7 || !slices.Equal(s.sizes, []int{2, 2, 2, 1}) {
		t.Errorf("%+v, %v, batches %v", done, err, s.sizes)
	}
	small := New(MaxOps(1))
	newTestLog(small)
	if done, err := Import(t.Context(), small, bytes.NewReader(file), ImportOptions{}); err != nil || done.Stored != 7 || done.Rev != 7 {
		t.Errorf("one at a time: %+v, %v", done, err)
	}
	tiny := New(MaxValue(1000))
	newTestLog(tiny)
	limit := (*LimitError)(nil)
	if done, err := Import(t.Context(), tiny, bytes.NewReader(file), ImportOptions{}); !errors.As(err, &limit) || done.Stored != 0 {
		t.Errorf("values that are too large: %+v, %v", done, err)
	}
}

// FuzzBackup: bytes are a whole backup or refused, both as they are and as the records of a file whose checksums are
// right; what is accepted imports to as many entries as it says.
func FuzzBackup(f *testing.F) {
	d := New()
	for i, o := range samples() {
		d.apply(uint64(i+1), 0, encodeCommand(encodeOp(o), d.limits))
		f.Add(exported(f, d.View(), nil))
	}
	for _, records := range []string{"h\x01\x05e\x05\x03\x02abve\x04\x03\x01bvt\x01\x02", "h\x01\x05t\x01\x00"} {
		if _, err := CheckBackup(bytes.NewReader(sealed([]byte(records)))); err != nil {
			f.Fatalf("a seed is no backup: %v", err)
		}
		f.Add([]byte(records))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, file := range [][]byte{b, sealed(b)} {
			first, err := CheckBackup(bytes.NewReader(file))
			if err != nil {
				if !errors.Is(err, ErrBackup) {
					t.Fatalf("%v", err)
				}
				continue
			}
			d := New()
			newTestLog(d)
			done, err := Import(context.Background(), d, bytes.NewReader(file), ImportOptions{})
			if limit := (*LimitError)(nil); errors.As(err, &limit) {
				continue
			}
			if err != nil || done.Stored != first.Entries || d.View().Size() != first.Entries {
				t.Fatalf("%+v imports as %+v, %v", first, done, err)
			}
		}
	})
}

// sealed makes a file of the records in b: a kind, a length of one byte, a body.
func sealed(b []byte) []byte {
	var file bytes.Buffer
	w := backupWriter{to: bufio.NewWriter(&file)}
	w.put([]byte(backupLine))
	for len(b) > 1 {
		n := min(int(b[1]), len(b)-2)
		w.record(b[0], b[2:2+n])
		b = b[2+n:]
	}
	_ = w.to.Flush() // a buffer takes everything
	return file.Bytes()
}
