package node

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/genleader/disk"
)

// openStorage opens what an earlier process of this member has kept of a group, or begins it. Without a data directory there
// is none, and the group is in memory.
func (n *Node) openStorage(group string) (genleader.Storage, error) {
	if n.cfg.DataDir == "" {
		return nil, nil
	}
	owner := disk.Owner{Cluster: n.cfg.Spec.Cluster, Group: group, Member: n.cfg.Name}
	store, err := disk.Open(filepath.Join(n.cfg.DataDir, directoryOf(group)), owner, genleader.NewIncarnation(time.Now()))
	if err != nil {
		return nil, fmt.Errorf("node: DataDir: %w", err)
	}
	if repaired := store.Repaired(); repaired != "" {
		n.cfg.Logger.Warn("storage", slog.String("group", group), slog.String("repaired", repaired))
	}
	return store, nil
}

// directoryOf is where a group is kept, which is never the data directory itself or one above it.
func directoryOf(group string) string {
	if strings.Trim(group, ".") == "" {
		return strings.ReplaceAll(group, ".", "%2E")
	}
	return url.PathEscape(group)
}

// closeStorage waits until the cluster's group has closed its storage. One that never started does not close it.
func (n *Node) closeStorage(ctx context.Context) {
	switch {
	case n.storage == nil:
	case n.tree == nil:
		_ = n.storage.Close() // nothing was written
	default:
		select {
		case <-n.group.Done():
		case <-ctx.Done():
			n.cfg.Logger.Warn("the storage is not closed yet")
		}
	}
}
