package genleader

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
)

type (
	// save has a write stored and answers with saved; many may be answered with one.
	save struct {
		seq   uint64
		write Write
	}
	// saved says that every write up to seq is on disk, or that one of them is not and never will be.
	saved struct {
		seq uint64
		err error
	}
	// restoreKept installs the state of the snapshot that was kept.
	restoreKept struct{}
	// keepImage has a snapshot of this member's stored, with the behaviour's state as of now, and answers with imageKept.
	keepImage struct{ snapshot *raftpb.Snapshot }
	// imageKept says what became of a keepImage.
	imageKept struct {
		index uint64
		size  uint64
		err   error
	}
)

func (save) effect()        {}
func (saved) event()        {}
func (keepImage) effect()   {}
func (imageKept) event()    {}
func (restoreKept) effect() {}

func (e save) String() string {
	return fmt.Sprintf("save %d: %d entries, term %d", e.seq, len(e.write.Entries), e.write.State.GetTerm())
}
func (e saved) String() string { return fmt.Sprintf("saved %d %v", e.seq, e.err) }

func (e keepImage) String() string {
	return fmt.Sprintf("keep image at %d", e.snapshot.GetMetadata().GetIndex())
}
func (restoreKept) String() string { return "restore what was kept" }
func (e imageKept) String() string { return fmt.Sprintf("image at %d kept %v", e.index, e.err) }
