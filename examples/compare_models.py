"""Two models, two seeds each: one call, one table, as `genbench run -m model=gan_tiny,pixelcnn_tiny seed=0,1` does."""

import genbench

# debug="quick" trains for seconds: its numbers mean nothing, and are marked. Leave it out for real ones.
sweep = genbench.run(model=["gan_tiny", "pixelcnn_tiny"], seed=[0, 1], debug="quick")
print(sweep)

for record in sweep.records:
    distance = record.rows["generated"]["digits/frechet_distance"]
    print(f"{record.run_id} is {record.status}: FD {distance.value:.0f} ± {distance.standard_error:.0f}")
