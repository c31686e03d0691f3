package node

import (
	"testing"

	"github.com/gendac/gendac/behaviours/genleader"
)

// TestALossOfTheLogSaysWhatToDo: the words are for whoever reads them, on any member. A survivor in memory is restarted; one that
// keeps its log on disk would come back with it, so it needs an empty directory.
func TestALossOfTheLogSaysWhatToDo(t *testing.T) {
	for _, c := range []struct {
		name string
		loss genleader.LogLoss
		want string
	}{
		{
			"two of three in memory",
			genleader.LogLoss{Voters: 3, Survivors: []genleader.Survivor{{Name: "c1"}}, Stateless: []string{"a1", "b1"}},
			"no leader can come: 2 of 3 voters were restarted and have lost the log (a1, b1); it is left on c1, and writes that were acknowledged " +
				"shortly before may be missing on c1; to go on: save what c1 has before it ends (gendac dict export FILE --read local --admin " +
				"ADDRESS-OF-c1); restart c1 (gendac stop c1 --force --admin ADDRESS-OF-c1, then start it); once all are ready, gendac dict import FILE",
		},
		{
			"the survivor has a directory, and another is away",
			genleader.LogLoss{
				Voters: 4, Survivors: []genleader.Survivor{{Name: "c1", Durable: true}}, Stateless: []string{"a1", "b1"}, Missing: []string{"d1"},
			},
			"no leader can come: 2 of 4 voters were restarted and have lost the log (a1, b1); it is left on c1; no link to d1, and writes that were " +
				"acknowledged shortly before may be missing on c1; to go on: see whether d1 can be started with what it had, it may have more; save " +
				"what c1 has before it ends (gendac dict export FILE --read local --admin ADDRESS-OF-c1); stop c1, move its state directory away and " +
				"start it with an empty one; once all are ready, gendac dict import FILE",
		},
		{
			"half of the voters",
			genleader.LogLoss{Voters: 2, Survivors: []genleader.Survivor{{Name: "b1"}}, Stateless: []string{"a1"}},
			"no leader can come: 1 of 2 voters were restarted and have lost the log (a1); it is left on b1, and b1 has every write that was " +
				"acknowledged; to go on: save what b1 has before it ends (gendac dict export FILE --read local --admin ADDRESS-OF-b1); restart b1 " +
				"(gendac stop b1 --force --admin ADDRESS-OF-b1, then start it); once all are ready, gendac dict import FILE",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := aPair(t)
			k.view.Phase, k.view.Leader, k.view.LogLoss, k.view.Problem = genleader.Gathering, genleader.Member{}, c.loss, c.loss.String()
			if got := k.status().Alarms; len(got) != 2 || got[0] != c.want {
				t.Errorf("alarms %q\nwant %q and what was known last", got, c.want)
			}
		})
	}
}
