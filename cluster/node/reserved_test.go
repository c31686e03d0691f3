package node

import (
	"testing"

	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/controller"
)

func TestTheAdminAPIGuardsTheKeysOfTheControllers(t *testing.T) {
	if admin.ReservedKeys != controller.Reserved {
		t.Errorf("the API guards %q, the controllers write under %q", admin.ReservedKeys, controller.Reserved)
	}
	var _ admin.DictBackend = (*Node)(nil)
	var _ admin.RaftBackend = (*Node)(nil)
}
