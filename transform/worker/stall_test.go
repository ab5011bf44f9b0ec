package worker

import (
	"testing"
	"testing/synctest"
	"time"
)

// A watch looks once a period, until its look or its owner ends it.
func TestCallEveryLooksUntilItIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const period = time.Second
		for name, most := range map[string]int{"by stop": 1000, "by its look": 3} {
			looks := 0
			stop := callEvery(period, func() bool {
				looks++
				return looks < most
			})
			time.Sleep(period * 7 / 2)
			synctest.Wait()
			if looks != 3 {
				t.Errorf("%s: %d looks in three and a half periods", name, looks)
			}
			stop()
			time.Sleep(10 * period)
			synctest.Wait()
			stop()
			if looks != 3 {
				t.Errorf("%s: %d looks after the end", name, looks)
			}
		}
	})
}
