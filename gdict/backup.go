package gdict

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
)

// A backup is a file: a line that says what it is, and records. Each record is its kind (one byte), the length of its body
// (a varint), its body, and the CRC-32C of everything before it in the file (four bytes, the most significant first). So
// the first record whose checksum is wrong is the one that was damaged, exchanged or left out.
//
//	'h'  once, first    the revision (a varint)
//	'e'  once per entry its revision (a varint), the length of its key (a varint), its key, its value; keys ascend
//	't'  once, last     how many entries there are (a varint)
const backupLine = "gendac dictionary backup, format 1\n"

// ErrBackup is what every *BackupError wraps.
var ErrBackup = errors.New("gdict: not a whole backup")

// A BackupError says where a file stops being a backup. It wraps ErrBackup, and Err if reading failed.
type BackupError struct {
	Offset  int64 // of the record that cannot be used, in bytes from the beginning of the file
	Problem string
	Err     error
}

func (e *BackupError) Error() string {
	return fmt.Sprintf("gdict: backup: offset %d: %s", e.Offset, e.Problem)
}

// Unwrap returns ErrBackup and what reading failed with.
func (e *BackupError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrBackup}
	}
	return []error{ErrBackup, e.Err}
}

// Export writes the entries of the view for which keep is true, nil meaning all, as a backup that Import reads, and
// returns how many they are. It holds one record at a time and hinders nobody.
func (v View) Export(w io.Writer, keep func(Entry) bool) (entries int, err error) {
	b := backupWriter{to: bufio.NewWriterSize(w, snapshotBuffer)}
	b.put([]byte(backupLine))
	b.record(recordHead, binary.AppendUvarint(nil, v.Rev()))
	var body []byte
	for e := range v.All() {
		if keep != nil && !keep(e) {
			continue
		}
		body = binary.AppendUvarint(body[:0], e.Rev)
		body = binary.AppendUvarint(body, uint64(len(e.Key)))
		body = append(append(body, e.Key...), e.Value...)
		if b.record(recordEntry, body); b.err != nil {
			break
		}
		entries++
	}
	b.record(recordTail, binary.AppendUvarint(nil, uint64(entries)))
	if b.err == nil {
		b.err = b.to.Flush()
	}
	if b.err != nil {
		return 0, fmt.Errorf("gdict: writing the backup at revision %d: %w", v.Rev(), b.err)
	}
	return entries, nil
}

// A backupWriter frames records. After an error it does nothing.
type backupWriter struct {
	to  *bufio.Writer
	crc uint32
	err error
}

func (b *backupWriter) put(bytes []byte) {
	if b.err == nil {
		b.crc = crc32.Update(b.crc, castagnoli, bytes)
		_, b.err = b.to.Write(bytes)
	}
}

func (b *backupWriter) record(kind byte, body []byte) {
	b.put(binary.AppendUvarint([]byte{kind}, uint64(len(body))))
	b.put(body)
	b.put(binary.BigEndian.AppendUint32(nil, b.crc))
}

// A Backup says what a file holds.
type Backup struct {
	Rev     uint64 // the revision it was taken at
	Entries int
	Bytes   int64 // of the file
}

// CheckBackup reads a whole backup and says what is in it, or with a *BackupError where it is damaged.
func CheckBackup(from io.Reader) (Backup, error) {
	r := backupReader{from: bufio.NewReaderSize(from, snapshotBuffer)}
	for _, err := range r.entries() {
		if err != nil {
			return Backup{}, err
		}
	}
	return Backup{Rev: r.rev, Entries: int(r.count), Bytes: r.offset}, nil
}

// A backupReader takes a backup apart.
type backupReader struct {
	from   *bufio.Reader
	crc    uint32 // of everything before offset
	offset int64
	body   []byte
	rev    uint64
	count  uint64
	last   string // key
}

// entries goes through all entries. It ends after the first error, which is a *BackupError, and without one only if the
// backup was whole and nothing follows it.
func (r *backupReader) entries() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		begin := int64(0)
		err := r.line()
		for first := true; err == nil; first = false {
			begin = r.offset
			var kind byte
			if kind, err = r.record(); err != nil {
				break
			}
			var e Entry
			switch {
			case first != (kind == recordHead):
				err = errors.New("a backup has one head, and begins with it")
			case kind == recordHead:
				err = r.head()
			case kind == recordEntry:
				if e, err = r.entry(); err == nil && !yield(e, nil) {
					return
				}
			case kind == recordTail:
				if err = r.tail(); err == nil {
					return
				}
			default:
				err = fmt.Errorf("a record of kind %q, which is not known", kind)
			}
		}
		yield(Entry{}, &BackupError{Offset: begin, Problem: err.Error(), Err: err})
	}
}

func (r *backupReader) line() error {
	b, err := r.take(len(backupLine))
	switch {
	case err == nil && string(b) != backupLine:
		return errors.New("it does not begin as a backup of format 1 does")
	case err != nil:
		return fmt.Errorf("it does not begin as a backup does: %w", err)
	}
	return nil
}

// record reads one record into r.body and checks its checksum.
func (r *backupReader) record() (kind byte, err error) {
	head, err := r.take(1)
	if err != nil {
		return 0, err
	}
	kind = head[0]
	length, err := binary.ReadUvarint(byteByByte{r})
	if err != nil {
		return 0, err
	}
	if length > maxRecord {
		return 0, fmt.Errorf("a record of %d bytes, at most %d", length, maxRecord)
	}
	body, err := r.take(int(length))
	if err != nil {
		return 0, err
	}
	r.body = body
	want := r.crc
	var sum [4]byte
	if _, err := io.ReadFull(r.from, sum[:]); err != nil {
		return 0, early(err)
	}
	if got := binary.BigEndian.Uint32(sum[:]); got != want {
		return 0, fmt.Errorf("damaged: the checksum is %08x where %08x was written", want, got)
	}
	r.crc = crc32.Update(r.crc, castagnoli, sum[:])
	r.offset += int64(len(sum))
	return kind, nil
}

// take reads n bytes, which are good until the next call. It takes memory only for what has come: the length may be a lie.
func (r *backupReader) take(n int) ([]byte, error) {
	b, err := readInto(r.body[:0], r.from, n)
	r.body = b[:0]
	if err != nil {
		return nil, early(err)
	}
	r.crc = crc32.Update(r.crc, castagnoli, b)
	r.offset += int64(n)
	return b, nil
}

// byteByByte reads a varint.
type byteByByte struct{ *backupReader }

func (r byteByByte) ReadByte() (byte, error) {
	b, err := r.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func early(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file ends too early")
	}
	return err
}

func (r *backupReader) head() error {
	rev, rest := uvarint(r.body)
	if rest == nil || len(rest) > 0 {
		return errors.New("the head is not a revision")
	}
	r.rev = rev
	return nil
}

func (r *backupReader) entry() (Entry, error) {
	rev, rest := uvarint(r.body)
	length, rest := uvarint(rest)
	if rest == nil || length > uint64(len(rest)) {
		return Entry{}, errors.New("an entry without a whole key")
	}
	key := string(rest[:length])
	switch {
	case key <= r.last: // also refuses the empty key
		return Entry{}, fmt.Errorf("key %s is not after the one before it", quoted(key))
	case rev == 0 || rev > r.rev:
		return Entry{}, fmt.Errorf("key %s: revision %d is not within 1 and %d", quoted(key), rev, r.rev)
	}
	r.last = key
	r.count++
	return Entry{Key: key, Value: append([]byte(nil), rest[length:]...), Rev: rev}, nil
}

func (r *backupReader) tail() error {
	count, rest := uvarint(r.body)
	if rest == nil || len(rest) > 0 || count != r.count {
		return fmt.Errorf("%d entries, where %d were written", r.count, count)
	}
	if _, err := r.from.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the end of the backup")
	}
	return nil
}

// uvarint returns what follows the number, nil if there is none in its shortest form.
func uvarint(b []byte) (uint64, []byte) {
	n, size := binary.Uvarint(b)
	if size <= 0 || size > 1 && b[size-1] == 0 {
		return 0, nil
	}
	return n, b[size:]
}
