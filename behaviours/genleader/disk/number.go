package disk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
)

const numberName = "incarnation"

// A Number is the incarnation of the latest process that had a directory. TakenUp says that its group had a leader then: the
// others know the number. One that was not taken up may have been refused, because its clock was wrong.
type Number struct {
	Incarnation uint64 `json:"incarnation"`
	TakenUp     bool   `json:"takenUp"`
}

// Number returns what KeepNumber kept last; zero: nothing. Errors: *CorruptError, or the system's.
func (s *Store) Number() (n Number, err error) {
	path := filepath.Join(s.dir, numberName)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return n, nil
	}
	if err != nil {
		return n, err
	}
	text, sum, _ := bytes.Cut(data, []byte("\n"))
	if string(sum) != fmt.Sprintf("%08x\n", crc32.Checksum(text, castagnoli)) {
		return n, &CorruptError{File: path, Why: "it does not match its checksum; remove this file, and the member asks the others for its number"}
	}
	if err := json.Unmarshal(text, &n); err != nil {
		return n, &CorruptError{File: path, Why: err.Error()}
	}
	return n, nil
}

// KeepNumber keeps n in place of what was kept before. It returns when n survives a loss of power. After Close it changes
// nothing, and returns os.ErrClosed.
func (s *Store) KeepNumber(n Number) error {
	s.numbering.Lock()
	defer s.numbering.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, numberName)
	part := path + partSuffix
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := writeFile(part, fmt.Appendf(nil, "%s\n%08x\n", text, crc32.Checksum(text, castagnoli))); err != nil {
		return err
	}
	return firstOf(os.Rename(part, path), syncDir(s.dir))
}

// endNumbers keeps no number from now on: the next process may have the directory.
func (s *Store) endNumbers() {
	s.numbering.Lock()
	defer s.numbering.Unlock()
	s.closed = true
}
