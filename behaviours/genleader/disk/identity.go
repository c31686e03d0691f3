package disk

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
)

const (
	identityName    = "identity"
	identityVersion = 2 // 1: each broadcast was an entry of its own
)

// An Owner is the member whose data a directory holds.
type Owner struct {
	Cluster string `json:"cluster"`
	Group   string `json:"group"`
	Member  string `json:"member"`
}

type identity struct {
	Version int `json:"version"`
	Owner
	ID  uint64 `json:"raftId"`
	Key uint64 `json:"key"`
}

func newIdentity(owner Owner, id uint64) (identity, error) {
	var key [8]byte
	if _, err := rand.Read(key[:]); err != nil {
		return identity{}, err
	}
	return identity{Version: identityVersion, Owner: owner, ID: id, Key: binary.LittleEndian.Uint64(key[:])}, nil
}

func (i identity) write(dir string) error {
	text, err := json.Marshal(i)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, identityName), fmt.Appendf(nil, "%s\n%08x\n", text, crc32.Checksum(text, castagnoli)))
}

func readIdentity(dir string) (i identity, err error) {
	path := filepath.Join(dir, identityName)
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return i, fmt.Errorf("%w: %s has no file %q, so it was not made by gendac; give another directory", ErrForeign, dir, identityName)
	}
	if err != nil {
		return i, err
	}
	text, sum, _ := bytes.Cut(data, []byte("\n"))
	if string(sum) != fmt.Sprintf("%08x\n", crc32.Checksum(text, castagnoli)) {
		return i, &CorruptError{File: path, Why: "it does not match its checksum"}
	}
	if err := json.Unmarshal(text, &i); err != nil {
		return i, &CorruptError{File: path, Why: err.Error()}
	}
	if i.Version != identityVersion {
		return i, fmt.Errorf("%w: %s is of version %d, and this program knows version %d only; go on with the program that made it, or give another directory", ErrForeign, path, i.Version, identityVersion)
	}
	return i, nil
}

// check says whose a directory is if it is not the owner's.
func (i identity) check(dir string, owner Owner) error {
	if i.Owner == owner {
		return nil
	}
	return fmt.Errorf("%w: %s belongs to member %q of group %q in cluster %q, and this is member %q of group %q in cluster %q",
		ErrForeign, dir, i.Member, i.Group, i.Cluster, owner.Member, owner.Group, owner.Cluster)
}

// writeFile makes a file that survives a loss of power once its directory is synced.
func writeFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return firstOf(err, f.Sync(), f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return firstOf(d.Sync(), d.Close())
}
