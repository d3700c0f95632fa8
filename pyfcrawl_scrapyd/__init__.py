"""What scrapyd loads of ours: jobs are checked when they are scheduled, and ended when it ends.

Scrapyd by itself takes any argument for any spider and lets the job die of it later, leaves its
crawls running when it is stopped, and serves whoever reaches its port. scrapyd.conf names the
parts here that it uses in the place of its own. They stand beside the package `pyfcrawl`: the
process of scrapyd never imports that, and each job finds it in the egg that was deployed.
"""
