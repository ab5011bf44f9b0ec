package memory

import (
	"errors"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// Jobs that wait to run exclusively hold their sources: more of them than leave room
// for the one whose turn it is would never run.
func TestTheExclusiveQueueLeavesRoomForItsSources(t *testing.T) {
	var q exclusiveQueue
	first, err := q.join(50, new(testSource), 10, 100)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.join(60, new(testSource), 31, 100); !errors.Is(err, budget.ErrSaturated) {
		t.Errorf("a second that would not have room: %v", err)
	}
	if _, err := q.join(10, new(testSource), 41, 100); !errors.Is(err, budget.ErrSaturated) {
		t.Errorf("a second that would take the first one's room: %v", err)
	}
	shared := new(testSource)
	second, err := q.join(60, shared, 30, 100)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := q.join(60, shared, 30, 100); err != nil {
		t.Errorf("another of the same source: %v", err)
	} else {
		same()
	}
	first()
	if third, err := q.join(60, new(testSource), 10, 100); err != nil {
		t.Error(err)
	} else {
		third()
	}
	second()
	if len(q.needs) != 0 || q.held != 0 {
		t.Errorf("%v and %d are left", q.needs, q.held)
	}
}
