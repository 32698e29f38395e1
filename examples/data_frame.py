"""Results as a pandas data frame: one row a measurement, ready for pivots and plots."""

import genbench

genbench.run(model="gan_tiny", sampler__truncation=[0, 1], features="pixels", debug="quick")

frame = genbench.load().frame()  # the newest sweep of the folder results/; or genbench.load("results", "20261125-…")
for row in ("generated", "costs"):
    numbers = frame[frame["row"] == row]
    print(numbers.pivot(index="key", columns="sampler.truncation", values=["value", "standard_error"]).round(3))
