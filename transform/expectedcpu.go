package transform

import "time"

// ExpectedCPU is about the CPU time that a job takes on one core of 2020: within a factor of two for photographs of
// 6 and 29 MP that become JPEGs, WebPs and AVIFs of 400 and 1600 pixels. CPUTime is the bound, far above.
func ExpectedCPU(job Job) time.Duration {
	const (
		floor = 0.004  // of any job
		jpeg  = 0.0025 // of each megapixel of a JPEG, which is read smaller
		other = 0.02   // of those of others
		each  = 0.005  // of the pipeline
		saved = 38     // how much less encoding takes than it may
		// compared is for the comparisons of a search.
		compared = 0.2
	)
	source := megapixels(job.Info.Width, job.Info.Height)
	seconds := floor
	if job.Info.Format == JPEG {
		seconds += source * jpeg
	} else {
		seconds += source * other
	}
	for _, p := range job.Outputs {
		g := NewGeometry(job.Info, p)
		frames := float64(ResultFrames(job.Info, p))
		seconds += frames * (cpuPipeline(g, p)/cpuPixel*each + cpuEncode(g, p)/saved)
		if p.Searches(int(frames)) {
			seconds += compared * megapixels(g.Width, g.Height)
		}
		if frames > 1 {
			seconds += (frames - 1) * source * other
		}
	}
	const most = 1 << 30
	return time.Duration(min(seconds, most) * float64(time.Second))
}
