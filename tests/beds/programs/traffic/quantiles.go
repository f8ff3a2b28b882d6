package main

import (
	"math"
	"slices"
	"time"
)

type quantiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// quantilesOf sorts what it is given. Quantiles are values that occurred: the smallest that so many are not above.
func quantilesOf(spent []time.Duration) quantiles {
	if len(spent) == 0 {
		return quantiles{}
	}
	slices.Sort(spent)
	at := func(share float64) float64 {
		return milliseconds(spent[max(0, int(math.Ceil(share*float64(len(spent))))-1)])
	}
	return quantiles{at(0.5), at(0.9), at(0.99), at(1)}
}

// milliseconds keeps microseconds and drops what nobody can measure.
func milliseconds(duration time.Duration) float64 {
	return math.Round(float64(duration)/float64(time.Microsecond)) / 1000
}
