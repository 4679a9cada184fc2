"""Who was screened, who was excluded and why, and who was enrolled: what a STARD diagram begins
with (Bossuyt et al., BMJ 2015, 351:h5527, doi 10.1136/bmj.h5527). Counts alone are kept, no ids.
"""
