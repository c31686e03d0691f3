package disk

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// A part is a file that does not have its name yet. The descriptors that naming it takes are there from the beginning, so
// that a lack of them shows before anything is written.
type part struct {
	*os.File
	dir  *os.File
	path string
}

func (s *Store) newPart(path string) (*part, error) {
	dir, err := s.openFile(s.dir, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	file, err := s.openFile(path+partSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return &part{file, dir, path}, nil
}

// name gives the file its name once all of it is on the disk, and returns when the name is there too.
func (p *part) name() error {
	if err := p.Sync(); err != nil {
		return err
	}
	if err := os.Rename(p.path+partSuffix, p.path); err != nil {
		return err
	}
	return firstOf(p.dir.Sync(), p.dir.Close())
}

// abandon closes and removes the file, whose error is told by whoever calls it.
func (p *part) abandon() {
	_ = p.dir.Close()
	_ = p.Close()
	_ = os.Remove(p.path + partSuffix)
}

const (
	// patience is how long Save waits for a descriptor. It waits only where nothing has been written yet.
	patience = 30 * time.Second
	again    = 100 * time.Millisecond // between two attempts
)

// patientPart is newPart for what cannot be put off.
func (s *Store) patientPart(path string) (p *part, err error) {
	for waited := time.Duration(0); ; waited += again {
		p, err = s.newPart(path)
		if !outOfDescriptors(err) || waited >= patience {
			return p, err
		}
		time.Sleep(again)
	}
}

// outOfDescriptors says that this process, or its machine, has as many files open as it may have. That passes, and says
// nothing against the disk.
func outOfDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}
