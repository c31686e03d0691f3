package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/genleader/disk"
)

// openStorage opens what an earlier process of this member has kept of a group, or begins it. A member that keeps its state
// in memory has none.
func (n *Node) openStorage(group string) (genleader.Storage, error) {
	store, err := n.openStore(group)
	if store == nil {
		return nil, err
	}
	return store, err
}

func (n *Node) openStore(group string) (*disk.Store, error) {
	if n.cfg.DataDir == "" {
		return nil, nil
	}
	owner := disk.Owner{Cluster: n.cfg.Spec.Cluster, Group: group, Member: n.cfg.Name}
	store, err := disk.Open(filepath.Join(n.cfg.DataDir, pathName(group)), owner, 1+rand.Uint64N(math.MaxInt64))
	if err != nil {
		return nil, fmt.Errorf("node: DataDir: %w", err)
	}
	if repaired := store.Repaired(); repaired != "" {
		n.cfg.Logger.Warn("storage repaired", slog.String("group", group), slog.String("repaired", repaired))
	}
	return store, nil
}

// maxPathName leaves room for lockSuffix in the 255 bytes that a file's name may have.
const maxPathName = 240

// lockSuffix is what the storage puts behind the name of a directory for the name of its lock.
const lockSuffix = ".lock"

// pathName is one element of a path for a name: another one for each name, also on a file system that takes "Shop" and
// "shop" for the same, never "." or "..", never the name of another one's lock, and not too long for a file. In what
// url.PathEscape makes, '.' and letters are never escaped, two hex digits follow every '%', and there is no '!', so what
// is made here differently cannot be made there.
func pathName(name string) string {
	escaped := url.PathEscape(name)
	switch {
	case strings.Trim(name, ".") == "":
		escaped = strings.ReplaceAll(name, ".", "%2E")
	case strings.HasSuffix(name, lockSuffix):
		escaped = strings.TrimSuffix(escaped, lockSuffix) + "%2E" + lockSuffix[1:]
	}
	escaped = oneCase(escaped)
	if len(escaped) <= maxPathName {
		return escaped
	}
	digest := sha256.Sum256([]byte(name))
	return escaped[:maxPathName/2] + "%x" + hex.EncodeToString(digest[:])
}

// oneCase writes each capital letter as '!' and its small letter, as Go's module cache does. The hex digits behind a '%'
// are capitals always, and stay.
func oneCase(escaped string) string {
	var b strings.Builder
	for i := 0; i < len(escaped); i++ {
		switch c := escaped[i]; {
		case c == '%':
			b.WriteString(escaped[i : i+3])
			i += 2
		case c >= 'A' && c <= 'Z':
			b.WriteByte('!')
			b.WriteByte(c - 'A' + 'a')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// closeStorage waits until the cluster's group has closed its storage. One that never started does not close it.
func (n *Node) closeStorage(ctx context.Context) {
	switch {
	case n.store == nil:
	case n.tree == nil:
		_ = n.store.Close() // nothing was written
	default:
		select {
		case <-n.group.Done():
		case <-ctx.Done():
			n.cfg.Logger.Warn("the storage is not closed yet")
		}
	}
}
